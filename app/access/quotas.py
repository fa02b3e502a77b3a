"""How many requests each key has made lately, in all workers together.

A sliding window: time is cut into windows of the quota's unit. The requests of the present window
count in full, those of the one before by the part of it that lies within the last unit of time. A
request is refused when the sum has reached the limit; a refused one does not count. So a key may
make all requests of its limit at once, no more than its limit in each window, and no more than
twice its limit in any unit of time.

Each worker counts its own requests, in memory that all share, and adds up what every one has
counted; nothing is locked, and a killed worker leaves its counts. Requests that several workers
admit in the same microsecond may go over the limit, by less than one for each worker. Time is the
monotonic clock, which is one for all processes of a machine and does not jump.

A window and the number of requests in it are one number, which the memory changes at once; a worker
that is killed between two of them leaves nothing contradictory.
"""

import logging
import time
from collections.abc import Callable, Iterable
from math import floor

from app.access.api_key import MAX_LIMIT, Quota
from app.shared_numbers import Numbers, SharedNumbers
from app.telemetry import event

# A number holds (window + 2) * _REQUESTS + requests, exactly below 2**53: 17 years of seconds.
_REQUESTS = 2**24
assert MAX_LIMIT < _REQUESTS / 1.5  # several workers may go beyond it a little


class Quotas:
    """Admits requests by the quotas of their keys. clock: seconds that never go back."""

    def __init__(self, shared: SharedNumbers, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared, self._clock = shared, clock
        self._own: dict[tuple[str, str], Numbers] = {}
        # By key and unit, then by the index of the other workers that have had such a request.
        self._others: dict[tuple[str, str], dict[int, Numbers]] = {}
        self._full = False

    def admit(self, name: str, quota: Quota) -> int:
        """Count a request of the key `name` and return 0; or the seconds until it may make one."""
        place = (name, quota.unit)
        own = self._own.get(place) or self._start(place)
        window, passed = divmod(self._clock(), quota.seconds)
        slot, other = int(window) % 2, int(window) % 2 - 1
        # What a number holds before the first request of a window; 0 is of none.
        start = (window + 2) * _REQUESTS
        start_before = start - _REQUESTS
        mine = max(own[slot], start)
        present, previous = mine - start, max(own[other] - start_before, 0)
        for numbers in self._of_others(place):
            if (number := numbers[slot]) > start:  # not of an earlier window
                present += number - start
            if (number := numbers[other]) > start_before:
                previous += number - start_before
        if present + previous * (1 - passed / quota.seconds) < quota.limit:
            own[slot] = mine + 1
            return 0
        return _seconds_to_wait(present, previous, passed, quota)

    def _start(self, place: tuple[str, str]) -> Numbers:
        self._own[place] = self._shared.own(place, 2)
        self._others[place] = {}
        if self._shared.full and not self._full:
            self._full = True
            event("no room for more quotas; each worker counts new ones alone", logging.ERROR)
        return self._own[place]

    def _of_others(self, place: tuple[str, str]) -> Iterable[Numbers]:
        found = self._others[place]
        if len(found) < self._shared.workers - 1:
            for index in range(self._shared.workers):
                if index not in found and index != self._shared.index:
                    numbers = self._shared.of(index).get(place)
                    if numbers is not None:
                        found[index] = numbers
        return found.values()


def _seconds_to_wait(present: float, previous: float, passed: float, quota: Quota) -> int:
    """Return the seconds, 1 or more, after which a request is admitted if none is made before."""
    wait = -passed
    if present >= quota.limit:  # then not in this window
        wait, present, previous = wait + quota.seconds, 0, present
    wait += quota.seconds * (1 - (quota.limit - present) / previous)
    return floor(wait) + 1  # after that moment, not at it

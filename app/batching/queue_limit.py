"""How long items may wait for a model, in seconds.

A queue that is long for a moment is a burst, and answering it is right. A queue that stays long is
an overload: every item waits, and not one more is answered for that. So there are two limits. When
the long one is exceeded, the items that came last are refused, and the short one holds until the
model had nothing to do for a share of the time: an overload leaves it no rest.

The idea is that of CoDel (Nichols and Jacobson, "Controlling queue delay", 2012) in the form that
Maurer gave it for servers ("Fail at scale", 2015): a short limit unless the queue was empty lately.
Both limits count items too, so that they fit a model that takes a second for each.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

BURST_ITEMS = 64  # the largest request; so many may always wait
STANDING_SECONDS = 0.05  # a batch, so that the next one never lacks items
STANDING_ITEMS = 4
REST_WINDOW = 0.5  # seconds, at least, over which the rest is measured
REST_SHARE = 0.15  # of the time
_LATEST = 0.1  # weight of the latest request in the running mean


@dataclass(slots=True)
class QueueLimit:
    """The limit of one queue, whose owner says when it refuses, and when it has nothing to do.

    seconds: the long limit; at least `BURST_ITEMS` may wait whatever they take. clock: returns
    seconds.
    """

    seconds: float
    clock: Callable[[], float] = time.perf_counter
    _request_items: float = 1.0  # a running mean
    _overloaded: bool = False
    _looked: float = 0.0  # on the clock; the rest is measured since then
    _rest: float = 0.0  # seconds without work
    _rests_since: float | None = None

    def request(self, items: int) -> None:
        """Note how many items a request has."""
        self._request_items += _LATEST * (items - self._request_items)

    def refuse(self) -> None:
        """Note that an item was refused."""
        if not self._overloaded:
            self._overloaded, self._looked, self._rest = True, self.clock(), 0.0

    def rest(self) -> None:
        """Note that there is nothing to do any more."""
        if self._overloaded and self._rests_since is None:
            self._rests_since = self.clock()

    def work(self) -> None:
        """Note that there is something to do again."""
        if self._rests_since is not None:
            self._rest += self.clock() - max(self._rests_since, self._looked)
            self._rests_since = None

    def burst(self, item_seconds: float) -> float:
        """Return the long limit, in seconds, for items that take so many seconds each."""
        return max(self.seconds, BURST_ITEMS * item_seconds)

    @property
    def shortest(self) -> float:
        """The least that either limit can be, in seconds: so long an item may always wait."""
        return min(STANDING_SECONDS, self.seconds)

    def standing(self, item_seconds: float) -> float:
        """Return the short limit; at least one usual request may always wait."""
        return max(self.shortest, max(STANDING_ITEMS, self._request_items) * item_seconds)

    def now(self, item_seconds: float) -> float:
        """Return the limit that holds now."""
        if self._overloaded and (passed := self.clock() - self._looked) >= REST_WINDOW:
            if self._rests_since is not None:
                self.work()
                self.rest()
            self._overloaded = self._rest < REST_SHARE * passed
            self._looked, self._rest = self.clock(), 0.0
        return self.standing(item_seconds) if self._overloaded else self.burst(item_seconds)

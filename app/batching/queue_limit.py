"""How long items may wait for a model, in seconds.

A queue that is long for a moment is a burst, and answering it is right. A queue that stays long is
an overload: every item waits, and not one more is answered for that. So there are two limits. The
long one holds as long as the queue empties now and then. When it is exceeded, the items that came
last are refused, and the short limit holds until the queue was empty and nothing has been refused
for `CALM` seconds.

The idea is that of CoDel (Nichols and Jacobson, "Controlling queue delay", 2012) in the form that
Maurer gave it for servers ("Fail at scale", 2015): a short limit unless the queue was empty lately.
Both limits count items too, so that they fit a model that takes a second for each.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

BURST_ITEMS = 64  # the largest request; so many may always wait
STANDING_SECONDS = 0.1  # two batches, so that the next one never lacks items
STANDING_ITEMS = 4
CALM = 1.0  # seconds


@dataclass(slots=True)
class QueueLimit:
    """The limit of one queue, whose owner says when it refuses and when the queue is empty.

    seconds: the long limit; at least `BURST_ITEMS` may wait whatever they take. clock: returns
    seconds.
    """

    seconds: float
    clock: Callable[[], float] = time.perf_counter
    _overloaded: bool = False
    _emptied: bool = False  # since the latest refusal, which was at `_refused` on the clock
    _refused: float = 0.0

    def refuse(self) -> None:
        """Note that an item was refused."""
        self._overloaded, self._emptied, self._refused = True, False, self.clock()

    def empty(self) -> None:
        """Note that the queue is empty."""
        self._emptied = True

    def burst(self, item_seconds: float) -> float:
        """Return the long limit, in seconds, for items that take so many seconds each."""
        return max(self.seconds, BURST_ITEMS * item_seconds)

    @property
    def shortest(self) -> float:
        """The least that either limit can be, in seconds: so long an item may always wait."""
        return min(STANDING_SECONDS, self.seconds)

    def standing(self, item_seconds: float) -> float:
        """Return the short limit."""
        return max(self.shortest, STANDING_ITEMS * item_seconds)

    def now(self, item_seconds: float) -> float:
        """Return the limit that holds now."""
        if self._overloaded and self._emptied and self.clock() - self._refused >= CALM:
            self._overloaded = False
        return self.standing(item_seconds) if self._overloaded else self.burst(item_seconds)

"""What a run has taken so far: the clock that `--minutes` is compared with.

It runs as the wall's, or as the processors' where they have computed longer, so that more cores do
not mean more computing for as few samples. Of more samples than `FEW_SAMPLES` they may compute for
as many times longer.
"""

import os
import time
from collections.abc import Callable

Clock = Callable[[], float]
FEW_SAMPLES = 5_000  # samples; of so many a minute of the processors counts as one


def _computed() -> float:
    """Return seconds that the threads of this process, and processes that ended, have computed."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def computing_clock(
    samples: int, wall: Clock = time.monotonic, computed: Clock = _computed
) -> Clock:
    """Return a clock in seconds, from 0, of a run with so many samples.

    wall, computed: clocks of the wall and of the processors, from any moment.
    """
    share = min(1.0, FEW_SAMPLES / max(samples, 1))
    first_wall, first_computed = wall(), computed()

    def spent() -> float:
        return max(wall() - first_wall, share * (computed() - first_computed))

    return spent

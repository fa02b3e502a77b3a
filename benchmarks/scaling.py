"""The arithmetic of Kubernetes' HorizontalPodAutoscaler: from metrics of pods to a number of pods.

As `autoscaling/v2` documents it: the ratio of mean and target, a tolerance, pods without figures,
and `behavior` with one policy of percent in each direction and a window for going down.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

TOLERANCE = 0.1  # of the ratio; the controller's default
PERIOD = 60.0  # seconds of the policies


def wanted(values: Sequence[float], missing: int, target: float) -> int:
    """Return how many pods bring the mean of `values` to `target`.

    missing: pods without figures, such as those that start. They count as idle where the others
    ask for more, and as on target where they ask for fewer, so that neither is overdone.
    """
    pods = len(values) + missing
    if not values:
        return pods
    ratio = sum(values) / len(values) / target
    if abs(ratio - 1) <= TOLERANCE:
        return pods
    if missing:
        filled = sum(values) + missing * (0.0 if ratio > 1 else target)
        other = filled / pods / target
        if abs(other - 1) <= TOLERANCE or (other > 1) != (ratio > 1):
            return pods
        ratio = other
    return math.ceil(ratio * pods - 1e-9)


@dataclass(slots=True)
class Behavior:
    """How fast the number of pods may change: percents of `PERIOD`, seconds for `down_after`."""

    least: int
    most: int
    up: float = 100.0
    down: float = 25.0
    down_after: float = 300.0
    _asked: deque[tuple[float, int]] = field(default_factory=deque)  # (when, pods)
    _changes: deque[tuple[float, int]] = field(default_factory=deque)  # (when, difference)

    def allowed(self, now: float, pods: int, desired: int) -> int:
        """Return the number of pods to have from `now` on instead of `pods`."""
        self._asked.append((now, desired))
        while self._asked[0][0] < now - self.down_after:
            self._asked.popleft()
        while self._changes and self._changes[0][0] <= now - PERIOD:
            self._changes.popleft()
        if desired < pods:  # down to the most that was asked for lately, and not up by that
            desired = min(pods, max(asked for _, asked in self._asked))
        before = pods - sum(change for _, change in self._changes)
        highest = math.ceil(before * (1 + self.up / 100))
        lowest = int(before * (1 - self.down / 100))
        chosen = max(min(desired, max(highest, pods)), min(lowest, pods))
        chosen = max(self.least, min(self.most, chosen))
        if chosen != pods:
            self._changes.append((now, chosen - pods))
        return chosen

"""An autoscaler as Kubernetes has it, with metrics that are scraped; for the simulated fleet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from benchmarks.nodes import Counters, Node
from benchmarks.scaling import Behavior, wanted

REFUSED = 1.0  # seconds that a refused item counts as, as in deploy/prometheus-adapter.yaml
# Of a node's counters over the window, its workers' count and the window's seconds: a metric.
Measure = Callable[[Counters, int, float], float]


def cpu(share: float = 1.0) -> Measure:
    """Return the measure of the CPU, which is busy for `share` of the time that a worker is."""
    return lambda counted, workers, seconds: share * counted.busy / (workers * seconds)


def wait(counted: Counters, workers: int, seconds: float) -> float:
    """The mean seconds that an item waited, a refused one counting as `REFUSED`."""
    items = counted.started + counted.refused
    return (counted.waited + REFUSED * counted.refused) / max(items, 1e-9)


def wait_of_answered(counted: Counters, workers: int, seconds: float) -> float:
    """The mean seconds that an item waited which was not refused."""
    return counted.waited / max(counted.started, 1e-9)


@dataclass
class Autoscaler:
    """Asks for the most pods that any of `targets` wants, (measure, target), within `behavior`.

    A metric is a rate over `window` seconds of scrapes that are `interval` apart, the last of them
    up to `interval` old. A node without two scrapes has no figure.
    """

    targets: Sequence[tuple[Measure, float]]
    behavior: Behavior
    interval: float = 15.0
    window: float = 60.0

    def pods(self, now: float, ready: Sequence[Node], starting: int) -> int:
        """Return how many nodes there are to be; called every `interval` seconds."""
        figures = [
            (*_counted(node.scrapes), len(node.workers)) for node in ready if len(node.scrapes) > 1
        ]
        pods = len(ready) + starting
        desired = [
            wanted([measure(c, n, s) for c, s, n in figures], pods - len(figures), target)
            for measure, target in self.targets
        ]
        self._scrape(now, ready)
        return self.behavior.allowed(now, pods, max(desired))

    def _scrape(self, now: float, ready: Sequence[Node]) -> None:
        """Note the counters for the next decision."""
        for node in ready:
            node.scrapes.append((now, replace(node.counters)))
            while node.scrapes[0][0] < now - self.window:
                node.scrapes.popleft()


def _counted(scrapes: Sequence[tuple[float, Counters]]) -> tuple[Counters, float]:
    """Return what was counted between the first and the last scrape, and the seconds between."""
    (begun, first), (ended, last) = scrapes[0], scrapes[-1]
    counted = Counters(
        last.busy - first.busy,
        last.waited - first.waited,
        last.started - first.started,
        last.refused - first.refused,
    )
    return counted, ended - begun

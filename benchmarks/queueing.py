"""A discrete-event simulation of devices that run batches, behind one queue each."""

import heapq
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from benchmarks.policies import NEVER, Policy

QUEUE = 2048  # items that may wait, as the service's default; one more is refused
Choose = Callable[[Sequence[int]], int]  # loads of workers or nodes -> the index of the chosen one


@dataclass
class Outcome:
    """The results for all items that arrived."""

    latencies: list[float] = field(default_factory=list)  # seconds, in the order of the answers
    batches: list[int] = field(default_factory=list)  # items
    refused: int = 0
    left: int = 0  # still waiting when nothing more could happen
    end: float = 0.0  # seconds on the clock at the last answer

    def settled(self, share: float = 0.3) -> np.ndarray:
        """Return the latencies without the first ones, which found empty queues."""
        return np.array(self.latencies[int(share * len(self.latencies)) :])


@dataclass(slots=True)
class _Worker:
    node: int
    place: int  # within the node
    policy: Policy
    waiting: deque[float] = field(default_factory=deque)  # times of arrival
    running: bool = False
    alarm: float = NEVER  # the next time at which it calls its policy


class Cluster:
    """Nodes of so many workers, a device each; batches of b items take `seconds[b]`.

    `front` chooses the node of an item and `inner` the worker within it, by their loads.
    """

    def __init__(
        self, seconds: Sequence[float], make: Callable[[], Policy], shape: tuple[int, int] = (1, 1)
    ) -> None:
        nodes, workers = shape
        self._seconds = seconds
        self._workers = [[_Worker(n, w, make()) for w in range(workers)] for n in range(nodes)]
        self._nodes = [0] * nodes
        self._loads = [[0] * workers for _ in range(nodes)]
        # (when, order, whose, items of the batch that is over; 0: the oldest has waited enough)
        self._events: list[tuple[float, int, _Worker, int]] = []
        self._order = count()
        self._outcome = Outcome()

    def serve(self, arrivals: Iterable[float], front: Choose, inner: Choose) -> Outcome:
        """Run until no more items can be answered."""
        events, nodes, loads = self._events, self._nodes, self._loads
        for now in arrivals:
            while events and events[0][0] <= now:
                self._happen()
            node = front(nodes) if len(nodes) > 1 else 0
            place = inner(loads[node]) if len(loads[node]) > 1 else 0
            worker = self._workers[node][place]
            if len(worker.waiting) >= QUEUE:
                self._outcome.refused += 1
                continue
            nodes[node] += 1
            loads[node][place] += 1
            worker.waiting.append(now)
            if not worker.running:
                self._offer(worker, now)
        while events:
            self._happen()
        self._outcome.left = sum(nodes)
        return self._outcome

    def _happen(self) -> None:
        now, _, worker, items = heapq.heappop(self._events)
        if items:
            worker.running = False
            worker.policy.ran(items, self._seconds[items])
            self._nodes[worker.node] -= items
            self._loads[worker.node][worker.place] -= items
        if worker.waiting and not worker.running:
            self._offer(worker, now)

    def _offer(self, worker: _Worker, now: float) -> None:
        """Start a batch on a free worker, or set its alarm."""
        oldest = worker.waiting[0]
        items = worker.policy.take(len(worker.waiting), oldest, now)
        if items:
            end = now + self._seconds[items]
            self._outcome.latencies += [end - worker.waiting.popleft() for _ in range(items)]
            self._outcome.batches.append(items)
            self._outcome.end = max(self._outcome.end, end)
            worker.running = True
            heapq.heappush(self._events, (end, next(self._order), worker, items))
        elif worker.alarm != oldest + worker.policy.patience < NEVER:
            worker.alarm = oldest + worker.policy.patience
            heapq.heappush(self._events, (worker.alarm, next(self._order), worker, 0))


def single(
    seconds: Sequence[float], make: Callable[[], Policy], arrivals: Sequence[float]
) -> Outcome:
    """Return the outcome of these arrivals at one device."""
    return Cluster(seconds, make).serve(arrivals, fewest, fewest)


def fewest(loads: Sequence[int]) -> int:
    """Choose the first of those with the smallest load, as app/process/supervisor.py does."""
    return loads.index(min(loads))


def anyone(seed: int = 1) -> Choose:
    """Return a random choice, which many keep-alive connections amount to."""
    draw = random.Random(seed).random
    return lambda loads: int(draw() * len(loads))


def better_of_two(seed: int = 2) -> Choose:
    """Return the choice of the smaller load of two random candidates."""
    draw = random.Random(seed).random

    def choose(loads: Sequence[int]) -> int:
        one, other = int(draw() * len(loads)), int(draw() * len(loads))
        return one if loads[one] <= loads[other] else other

    return choose


def poisson(count: int, seed: int = 0) -> np.ndarray:
    """Return Poisson arrival times at a rate of one a second; divide by the rate."""
    return np.random.default_rng(seed).exponential(size=count).cumsum()


def bursts(count: int, mean: float = 8, seed: int = 0) -> np.ndarray:
    """Return arrival times of bursts with geometric sizes of the mean `mean`."""
    draw = np.random.default_rng(seed)
    sizes = draw.geometric(1 / mean, count)
    times = draw.exponential(mean, count).cumsum()
    return np.repeat(times, sizes)[:count]

"""A fleet of nodes that fail, refuse and are started late, beside `benchmarks.queueing`.

A node is a pod: so many workers with a device and a queue each, as there. In addition

- a queue has the limits of the service, whose own code (`app.batching.queue_limit`) decides;
- a node that fails loses what it has in hand, and what is sent to it until that is noticed;
- another one is started in its place, or because an autoscaler asks for more, and answers later;
- one that an autoscaler takes away gets nothing more and answers what it has.

Without failures, limits and autoscaler it is the simulation of `Cluster` (a test compares them).
Clients do not try again. Metrics are exact, and as old as the scrapes make them.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count

from app.batching.queue_limit import QueueLimit
from benchmarks.nodes import FleetOutcome, Node, Plan, Worker
from benchmarks.policies import NEVER, Own
from benchmarks.queueing import QUEUE, Choose

Action = Callable[[float], None]


class Fleet:
    """`seconds[b]` is the duration of a batch of b items; `make` makes the policy of a worker."""

    def __init__(self, seconds: Sequence[float], make: Callable[[], Own], plan: Plan) -> None:
        self._seconds, self._make, self._plan = seconds, make, plan
        self._now = 0.0
        self._events: list[tuple[float, int, Action]] = []
        self._order = count()
        self._outcome = FleetOutcome()
        self._nodes: list[Node] = []  # that were ordered and have not ended
        self._listed: list[Node] = []  # to which items are sent
        self._in_hand: list[int] = []  # their items
        for _ in range(plan.nodes):
            self._ready(self._order_node(0.0), 0.0)
        for when, index in plan.failures:
            self._at(when, partial(self._fail, index))
        if plan.scaler:
            self._at(plan.scaler.interval, self._scale)

    def serve(self, arrivals: Iterable[float], front: Choose, inner: Choose) -> FleetOutcome:
        """Run until the last arrival is answered; `front` chooses nodes, `inner` workers."""
        events, end = self._events, 0.0
        for now in arrivals:
            while events and events[0][0] <= now:
                self._happen()
            self._now = end = now
            self._arrive(now, front, inner)
        while events and (events[0][0] <= end or any(sum(n.loads) for n in self._nodes)):
            self._happen()
        for node in self._nodes:
            self._outcome.node_seconds += max(self._outcome.end, end) - node.begun
        return self._outcome

    def _at(self, when: float, action: Action) -> None:
        heapq.heappush(self._events, (when, next(self._order), action))

    def _happen(self) -> None:
        self._now, _, action = heapq.heappop(self._events)
        action(self._now)

    def _arrive(self, now: float, front: Choose, inner: Choose) -> None:
        if not self._listed:
            self._outcome.lost += 1
            return
        place = front(self._in_hand) if len(self._listed) > 1 else 0
        node = self._listed[place]
        if node.failed:  # nobody answers there; the connection hangs until that is noticed
            self._in_hand[place] += 1
            self._outcome.lost += 1
            return
        chosen = inner(node.loads) if len(node.loads) > 1 else 0
        worker = node.workers[chosen]
        if not self._admit(node, chosen, now):
            node.counters.refused += 1
            self._outcome.refused += 1
            self._outcome.refusals.append(now)
            return
        self._in_hand[place] += 1
        node.loads[chosen] += 1
        worker.waiting.append((now, len(worker.waiting)))
        if not worker.running:
            self._start_batch(node, chosen, now)

    def _admit(self, node: Node, chosen: int, now: float) -> bool:
        """Decide as `Batcher.require_room`: refuse, in overload also those that came last."""
        worker = node.workers[chosen]
        if worker.limit is None:
            return len(worker.waiting) < QUEUE
        worker.limit.request(1)
        wait, each = worker.ahead(now), worker.policy.item_seconds
        if wait <= worker.limit.shortest:
            return True
        if wait <= (limit := worker.limit.now(each)):
            return True
        worker.limit.refuse()
        if each:
            self._shorten(node, chosen, worker.limit.standing(each) / each)
        return worker.ahead(now) <= limit

    def _shorten(self, node: Node, chosen: int, most: float) -> None:
        """Refuse the waiting items that came when more than `most` were ahead of them."""
        worker = node.workers[chosen]
        kept = deque(each for each in worker.waiting if each[1] <= most)
        gone = len(worker.waiting) - len(kept)
        worker.waiting = kept
        self._release(node, chosen, gone)
        node.counters.refused += gone
        self._outcome.refused += gone
        self._outcome.refusals += [self._now] * gone

    def _start_batch(self, node: Node, chosen: int, now: float) -> None:
        """Start a batch; items wait and the device is free."""
        worker = node.workers[chosen]
        items = worker.policy.take(len(worker.waiting), worker.waiting[0][0], now)
        took = self._seconds[items]
        arrivals = [worker.waiting.popleft()[0] for _ in range(items)]
        if worker.limit is not None:
            worker.limit.work()
        worker.running = items
        worker.until = now + items * worker.policy.item_seconds
        node.counters.started += items
        node.counters.waited += sum(now - arrival for arrival in arrivals)
        self._at(now + took, partial(self._end, node, chosen, arrivals, took))

    def _end(
        self, node: Node, chosen: int, arrivals: Sequence[float], took: float, now: float
    ) -> None:
        if node.failed:
            return
        worker, outcome = node.workers[chosen], self._outcome
        worker.running = 0
        worker.policy.ran(len(arrivals), took)
        node.counters.busy += took
        outcome.latencies += [now - arrival for arrival in arrivals]
        outcome.answered += [now] * len(arrivals)
        outcome.batches.append(len(arrivals))
        outcome.end = now
        self._release(node, chosen, len(arrivals))
        if worker.waiting:
            self._start_batch(node, chosen, now)
        elif worker.limit is not None:
            worker.limit.rest()
        if node.leaving and not sum(node.loads):
            self._close(node, now)

    def _release(self, node: Node, chosen: int, items: int) -> None:
        node.loads[chosen] -= items
        if not node.leaving:
            self._in_hand[self._listed.index(node)] -= items

    def _order_node(self, now: float) -> Node:
        plan = self._plan
        limited = plan.queue < NEVER
        workers = [
            Worker(self._make(), QueueLimit(plan.queue, lambda: self._now) if limited else None)
            for _ in range(plan.workers)
        ]
        node = Node(workers, [0] * plan.workers, now)
        self._nodes.append(node)
        return node

    def _ready(self, node: Node, now: float) -> None:
        if node.leaving:  # taken away before it was ready
            return
        node.since = now
        self._listed.append(node)
        self._in_hand.append(0)
        self._note(now)

    def _fail(self, index: int, now: float) -> None:
        """Lose a node at once; `notice` later it is missed, and another one is ordered."""
        ready = [node for node in self._listed if not node.failed]
        if not ready:
            return
        node = ready[index % len(ready)]
        node.failed = True
        self._outcome.lost += sum(node.loads)
        node.loads = [0] * len(node.loads)
        self._at(now + self._plan.notice, partial(self._miss, node))
        self._note(now)

    def _miss(self, node: Node, now: float) -> None:
        self._unlist(node)
        self._close(node, now)
        self._start(now)

    def _start(self, now: float) -> None:
        self._at(now + self._plan.start, partial(self._ready, self._order_node(now)))
        self._note(now)

    def _unlist(self, node: Node) -> None:
        place = self._listed.index(node)
        del self._listed[place], self._in_hand[place]

    def _close(self, node: Node, now: float) -> None:
        node.ended = now
        self._nodes.remove(node)
        self._outcome.node_seconds += now - node.begun
        self._note(now)

    def _scale(self, now: float) -> None:
        scaler = self._plan.scaler
        assert scaler is not None
        stay = [node for node in self._nodes if not node.leaving]
        ready = [node for node in stay if node.since is not None and not node.failed]
        want = scaler.pods(now, ready, len(stay) - len(ready))
        for _ in range(len(stay), want):
            self._start(now)
        for node in stay[: want - 1 : -1] if want < len(stay) else []:  # the youngest first
            node.leaving = True
            if node.since is not None:
                self._unlist(node)
            if not sum(node.loads):
                self._close(node, now)
        self._at(now + scaler.interval, self._scale)
        self._note(now)

    def _note(self, now: float) -> None:
        ready = sum(not node.failed for node in self._listed)
        self._outcome.nodes.append((now, ready, len(self._nodes)))

"""Ends the runs that nobody waits for any more.

No Python can interrupt a graph that runs, and a batch on the event loop stops the loop itself. So a
thread of the process looks at every batch that runs:

- once all requests of a batch are cancelled or past their deadline, it asks ONNX Runtime to end the
  run, which it does before the next operator of the graph;
- a batch that still runs `GIVE_UP` seconds after the last of its deadlines cannot be ended: its
  thread is lost, and with it the model. Then it calls `give_up`, once.

Limits: one operator that never ends cannot be ended, and code that never releases Python's lock
stops this thread too. It looks every `LOOK` seconds, and ends when nothing has run for long, until
the next batch; a batch costs 1 µs.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from app.pipeline.item import InferenceItem

LOOK = 0.25  # seconds
GIVE_UP = 6.0  # seconds
_IDLE_TICKS = 20  # without a batch, after which the thread ends

GiveUp = Callable[[str], None]  # (name of the model) -> ends the process


class RunningBatch:
    """A batch that runs. `options` are ONNX Runtime's; `ended` says that the watchdog ended it."""

    __slots__ = ("ended", "items", "model", "options")

    def __init__(self, model: str, items: Sequence[InferenceItem], options: Any) -> None:
        self.model, self.items, self.options = model, items, options
        self.ended = False


class Watchdog:
    """Looks at the batches of all models of this process. Thread-safe.

    give_up: called where a batch cannot be ended. clock: returns seconds, as the deadlines of
    `CancelToken` count them.
    """

    def __init__(
        self, give_up: GiveUp | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._give_up, self._clock = give_up, clock
        self._running: set[RunningBatch] = set()
        self._lost: set[RunningBatch] = set()
        self._lock = threading.Lock()
        self._begun = False  # whether a batch began since the latest tick
        self._asleep = True

    def start(self, model: str, items: Sequence[InferenceItem], options: Any) -> RunningBatch:
        """Watch a batch until `stop`. options: given to each of its runs."""
        batch = RunningBatch(model, items, options)
        self._running.add(batch)
        self._begun = True
        if self._asleep:
            self._wake_up()
        return batch

    def stop(self, batch: RunningBatch) -> None:
        """Watch it no longer."""
        self._running.discard(batch)

    def look(self) -> None:
        """End what nobody waits for; give up what cannot be ended."""
        now = self._clock()
        for batch in tuple(self._running):
            if not batch.ended and all(item.token.is_over(now) for item in batch.items):
                batch.ended = True
                batch.options.terminate = True
            late = all(item.token.deadline <= now - GIVE_UP for item in batch.items)
            if late and batch not in self._lost and self._give_up is not None:
                self._lost.add(batch)
                self._give_up(batch.model)

    def _wake_up(self) -> None:
        with self._lock:
            if self._asleep:
                self._asleep = False
                threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            idle = 0
            while idle < _IDLE_TICKS:
                self._begun = False
                time.sleep(LOOK)
                self.look()
                idle = 0 if self._begun or self._running else idle + 1
            with self._lock:
                self._asleep = True  # from here on, a batch that begins starts another thread
                if not self._begun:
                    return
                self._asleep = False

"""All cores for a lone request.

A worker has its share of the cores, which is best when all workers are busy. A lone request leaves
the others' cores idle. So where `TRIES` lone requests in a row take longer than `WORTHWHILE` each,
a second pipeline, with threads on all cores within each operator, is built in the background. Lone
requests are then answered by the two in turn, `TRIES` times each, and from then on by the faster
one: all cores for a convolutional network, the worker's own cores for a small or a recurrent one.
While the second pipeline is kept, the weights of the model are in memory twice; one that is not
kept is freed.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Lock, Thread

from app.pipeline import InferenceItem, ItemResult, Pipeline
from app.telemetry import event

WORTHWHILE = 0.005  # seconds
TRIES = 5  # lone requests that each pipeline answers before the choice
_MAX_SHARE = 0.9  # of the base pipeline's seconds, below which the second one is worth its memory


class AllCoresPipeline:
    """Answers as the pipeline `base` does; a lone request by the faster of two pipelines.

    build_all_cores: returns the second pipeline. idle_otherwise: returns whether no worker answers
    another request. clock: returns seconds. Not thread-safe: one batch at a time.
    """

    def __init__(
        self,
        base: Pipeline,
        build_all_cores: Callable[[], Pipeline],
        idle_otherwise: Callable[[], bool],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._base, self._build_all_cores = base, build_all_cores
        self._idle_otherwise, self._clock = idle_otherwise, clock
        self._chosen = base  # for lone requests
        self._trials: dict[Pipeline, list[float]] = {}  # seconds, while both are tried
        self._slow = 0  # lone requests in a row; one may be slow for other reasons
        self._builder: Thread | None = None
        self._second: Pipeline | None = None  # of all cores, as long as it is open
        self._closed, self._closing = False, Lock()

    def answer(self, items: Sequence[InferenceItem]) -> list[ItemResult | Exception]:
        """Answer one batch."""
        if len(items) > 1 or not self._idle_otherwise():
            return self._base.answer(items)
        pipeline = self._chosen
        if self._trials:
            pipeline = min(self._trials, key=lambda each: len(self._trials[each]))
        start = self._clock()
        answers = pipeline.answer(items)
        self._observe(pipeline, self._clock() - start)
        return answers

    def wait_until_built(self) -> bool:
        """Wait for the second pipeline; return whether its construction was started."""
        if self._builder is not None:
            self._builder.join()
        return self._builder is not None

    def close(self) -> None:
        """Close both pipelines, the second one also if it is still being built."""
        with self._closing:
            self._closed = True
            second, self._second = self._second, None
        for pipeline in (self._base, second):
            if pipeline is not None:
                pipeline.close()

    def _observe(self, pipeline: Pipeline, seconds: float) -> None:
        if self._trials:
            self._trials[pipeline].append(seconds)
            if all(len(trials) >= TRIES for trials in self._trials.values()):
                self._choose()
            return
        self._slow = self._slow + 1 if seconds > WORTHWHILE else 0
        if self._builder is None and self._slow >= TRIES:
            self._builder = Thread(target=self._build, name="all-cores", daemon=True)
            self._builder.start()

    def _choose(self) -> None:
        """Choose by the shortest time of each, because other work only adds to a time."""
        all_cores = self._second
        if all_cores is None:  # closed meanwhile
            return
        own, all_ = (min(self._trials[each]) for each in (self._base, all_cores))
        if all_ < _MAX_SHARE * own:
            self._chosen = all_cores
        self._trials = {}
        kept, name = self._chosen is all_cores, self._base.manifest.name
        if not kept:  # it is free when the last item that it answers beside a batch is
            self._second = None
        event("all cores tried", model=name, kept=kept, own_seconds=own, all_seconds=all_)

    def _build(self) -> None:
        try:
            second = self._build_all_cores()
            with self._closing:
                wanted = not self._closed
                if wanted:
                    self._second, self._trials = second, {self._base: [], second: []}
            if not wanted:
                second.close()
        except Exception as error:  # the base pipeline can answer; the second is only faster
            name = self._base.manifest.name
            event("all cores not tried", logging.WARNING, model=name, reason=str(error))

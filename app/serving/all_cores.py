"""All cores for who asks alone.

A worker has its share of the cores, which is best when all of them are asked. A lone request
leaves the others' cores idle. So where a model takes a lone request longer than `WORTHWHILE`, a
second pipeline with all cores is made in the background. Lone requests go to the two in turn, and
then to the quicker one: all cores for a convolutional network, one's own for a small or recurrent
one. While the second is kept, the model's weights are held twice.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Thread

from app.pipeline import InferenceItem, ItemResult, Pipeline
from app.telemetry import event

WORTHWHILE = 0.005  # seconds
TRIES = 5  # lone requests that each of the two answers before it is decided
_SHARE = 0.9  # of the time that one's own cores take, from which on it is worth the memory


class Wide:
    """Answers as `narrow` does, with the pipeline of `widen()` when `alone()` and if that pays.

    One batch at a time. clock: tells seconds.
    """

    def __init__(
        self,
        narrow: Pipeline,
        widen: Callable[[], Pipeline],
        alone: Callable[[], bool],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._narrow, self._widen, self._alone, self._clock = narrow, widen, alone, clock
        self._chosen = narrow  # for who asks alone
        self._tried: dict[Pipeline, list[float]] = {}  # seconds, while it is not decided
        self._maker: Thread | None = None

    def answer(self, items: Sequence[InferenceItem]) -> list[ItemResult | Exception]:
        """Answer what came together."""
        if len(items) > 1 or not self._alone():
            return self._narrow.answer(items)
        pipeline = self._chosen
        if self._tried:
            pipeline = min(self._tried, key=lambda each: len(self._tried[each]))
        begun = self._clock()
        answers = pipeline.answer(items)
        self._learn(pipeline, self._clock() - begun)
        return answers

    def made(self) -> bool:
        """Wait until a second pipeline is made, and say whether one was begun."""
        if self._maker is not None:
            self._maker.join()
        return self._maker is not None

    def _learn(self, pipeline: Pipeline, seconds: float) -> None:
        if self._tried:
            self._tried[pipeline].append(seconds)
            if all(len(taken) == TRIES for taken in self._tried.values()):
                self._decide()
        elif self._maker is None and seconds > WORTHWHILE:
            self._maker = Thread(target=self._make, name="wide", daemon=True)
            self._maker.start()

    def _decide(self) -> None:
        """Choose by the least that each took: what came on top was others' doing."""
        wide = next(each for each in self._tried if each is not self._narrow)
        own, all_ = (min(self._tried[each]) for each in (self._narrow, wide))
        if all_ < _SHARE * own:
            self._chosen = wide
        self._tried = {}
        kept, name = self._chosen is wide, self._narrow.manifest.name
        event("all cores tried", model=name, kept=kept, own_seconds=own, all_seconds=all_)

    def _make(self) -> None:
        try:
            self._tried = {self._narrow: [], self._widen(): []}
        except Exception as error:  # what answers is there already; this would only be quicker
            name = self._narrow.manifest.name
            event("all cores not tried", logging.WARNING, model=name, reason=str(error))

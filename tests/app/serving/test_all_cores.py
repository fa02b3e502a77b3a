from collections.abc import Sequence

from app.errors import InvalidBundle
from app.modalities import Payload
from app.pipeline import InferenceItem, ItemResult, Pipeline, make_items
from app.serving.all_cores import TRIES, WORTHWHILE, AllCoresPipeline
from app.tasks.classify import ClassifyOptions
from tests import fakes

ONE = make_items([Payload(b"good", "text/plain")], ClassifyOptions())
TWO = make_items([Payload(b"good", "text/plain"), Payload(b"bad", "text/plain")], ClassifyOptions())


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(Pipeline):
    """A real pipeline that moves a clock by its duration."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(fakes.text_bundle())
        self.clock, self.seconds, self.asked = clock, seconds, 0

    def answer(self, items: Sequence[InferenceItem]) -> list[ItemResult | Exception]:
        self.clock.now += self.seconds
        self.asked += 1
        return super().answer(items)


def tried(seconds: float, other_seconds: float) -> tuple[AllCoresPipeline, Timed, Timed]:
    """Return one that has tried both pipelines, and the two pipelines."""
    clock = Clock()
    base, other = Timed(clock, seconds), Timed(clock, other_seconds)
    pipeline = AllCoresPipeline(base, lambda: other, lambda: True, clock)
    for _ in range(TRIES):
        assert not pipeline.wait_until_built()
        pipeline.answer(ONE)
    assert pipeline.wait_until_built()
    for _ in range(2 * TRIES):
        pipeline.answer(ONE)
    return pipeline, base, other


def test_a_lone_request_is_answered_by_the_faster_pipeline() -> None:
    pipeline, base, quick = tried(3 * WORTHWHILE, 0.0)
    assert (base.asked, quick.asked) == (2 * TRIES, TRIES)
    answers = pipeline.answer(ONE)
    assert (base.asked, quick.asked) == (2 * TRIES, TRIES + 1)
    assert [a.answer for a in answers] == [a.answer for a in base.answer(ONE)]
    pipeline.answer(TWO)
    assert quick.asked == TRIES + 1, "several items have the worker's own cores"


def test_a_second_pipeline_that_is_not_faster_is_dropped() -> None:
    pipeline, _, slow = tried(2 * WORTHWHILE, 4 * WORTHWHILE)
    pipeline.answer(ONE)
    assert slow.asked == TRIES


def test_no_second_pipeline_for_concurrent_or_fast_requests() -> None:
    clock = Clock()
    for seconds, idle in ((3 * WORTHWHILE, False), (WORTHWHILE / 2, True)):
        base, quick = Timed(clock, seconds), Timed(clock, 0.0)
        pipeline = AllCoresPipeline(base, lambda quick=quick: quick, lambda idle=idle: idle, clock)
        for items in (ONE, TWO) * 2 * TRIES:
            pipeline.answer(items)
        assert not pipeline.wait_until_built()


def test_a_lone_request_that_is_slow_now_and_then_builds_no_second_pipeline() -> None:
    clock = Clock()
    base = Timed(clock, 0.0)
    pipeline = AllCoresPipeline(base, lambda: base, lambda: True, clock)
    for number in range(4 * TRIES):
        base.seconds = 0.0 if number % TRIES == 0 else 3 * WORTHWHILE
        pipeline.answer(ONE)
    assert not pipeline.wait_until_built()


def test_base_pipeline_answers_if_the_second_cannot_be_built() -> None:
    def fails() -> Pipeline:
        raise InvalidBundle("the folder is gone")

    clock = Clock()
    pipeline = AllCoresPipeline(Timed(clock, 3 * WORTHWHILE), fails, lambda: True, clock)
    for _ in range(2 * TRIES):
        assert len(pipeline.answer(ONE)) == 1
    assert pipeline.wait_until_built()


def test_the_trial_ends_although_two_lone_requests_were_answered_at_once() -> None:
    """A long item is answered beside a batch, and both look as if they were alone."""
    clock = Clock()
    base, other = Timed(clock, 3 * WORTHWHILE), Timed(clock, 0.0)
    pipeline = AllCoresPipeline(base, lambda: other, lambda: True, clock)
    for _ in range(TRIES):
        pipeline.answer(ONE)
    assert pipeline.wait_until_built()
    for each in pipeline._trials:
        pipeline._trials[each] = [each.seconds] * TRIES
    pipeline.answer(ONE)
    assert not pipeline._trials

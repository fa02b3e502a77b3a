from collections.abc import Sequence

from app.errors import InvalidBundle
from app.modalities import Payload
from app.pipeline import InferenceItem, ItemResult, Pipeline, make_items
from app.serving.all_cores import TRIES, WORTHWHILE, Wide
from app.tasks.classify import ClassifyOptions
from tests import fakes

ONE = make_items([Payload(b"good", "text/plain")], ClassifyOptions())
TWO = make_items([Payload(b"good", "text/plain"), Payload(b"bad", "text/plain")], ClassifyOptions())


class Clock:
    """Seconds that pass only where they are said to: no other process's doing."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(Pipeline):
    """A real pipeline that takes so long by a clock."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(fakes.text_bundle())
        self.clock, self.seconds, self.asked = clock, seconds, 0

    def answer(self, questions: Sequence[InferenceItem]) -> list[ItemResult | Exception]:
        self.clock.now += self.seconds
        self.asked += 1
        return super().answer(questions)


def tried(seconds: float, other_seconds: float) -> tuple[Wide, Timed, Timed]:
    """Return one that has asked both, the worker's own pipeline and the other."""
    clock = Clock()
    narrow, other = Timed(clock, seconds), Timed(clock, other_seconds)
    wide = Wide(narrow, lambda: other, lambda: True, clock)
    wide.answer(ONE)
    assert wide.made()
    for _ in range(2 * TRIES):
        wide.answer(ONE)
    return wide, narrow, other


def test_who_asks_alone_is_answered_by_the_quicker_one() -> None:
    wide, narrow, quick = tried(3 * WORTHWHILE, 0.0)
    assert (narrow.asked, quick.asked) == (1 + TRIES, TRIES)
    answers = wide.answer(ONE)
    assert (narrow.asked, quick.asked) == (1 + TRIES, TRIES + 1)
    assert [a.answer for a in answers] == [a.answer for a in narrow.answer(ONE)]
    wide.answer(TWO)
    assert quick.asked == TRIES + 1, "who is not alone has the worker's own cores"


def test_what_is_no_quicker_is_let_go() -> None:
    wide, _, slow = tried(2 * WORTHWHILE, 4 * WORTHWHILE)
    wide.answer(ONE)
    assert slow.asked == TRIES


def test_none_is_made_for_who_is_not_alone_or_quick() -> None:
    clock = Clock()
    for seconds, alone in ((3 * WORTHWHILE, False), (WORTHWHILE, True)):
        narrow, quick = Timed(clock, seconds), Timed(clock, 0.0)
        wide = Wide(narrow, lambda quick=quick: quick, lambda alone=alone: alone, clock)
        for questions in (ONE, TWO, ONE):
            wide.answer(questions)
        assert not wide.made()


def test_where_none_can_be_made_it_goes_on() -> None:
    def fails() -> Pipeline:
        raise InvalidBundle("the folder is gone")

    clock = Clock()
    wide = Wide(Timed(clock, 3 * WORTHWHILE), fails, lambda: True, clock)
    for _ in range(2):
        assert len(wide.answer(ONE)) == 1
        assert wide.made()

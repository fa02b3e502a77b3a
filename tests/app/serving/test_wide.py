import time
from collections.abc import Sequence

from app.errors import InvalidBundle
from app.inputs import Payload
from app.pipeline import Answered, Pipeline, Question, ask
from app.serving.wide import TRIES, WORTHWHILE, Wide
from tests import fakes

ONE = ask([Payload(b"good", "text/plain")])
TWO = ask([Payload(b"good", "text/plain"), Payload(b"bad", "text/plain")])


class Timed(Pipeline):
    """A real pipeline that takes a while."""

    def __init__(self, seconds: float) -> None:
        super().__init__(fakes.text_bundle())
        self.seconds, self.asked = seconds, 0

    def answer(self, questions: Sequence[Question]) -> list[Answered | Exception]:
        time.sleep(self.seconds)
        self.asked += 1
        return super().answer(questions)


def tried(narrow: Pipeline, other: Pipeline) -> Wide:
    """Return one that has asked both."""
    wide = Wide(narrow, lambda: other, lambda: True)
    wide.answer(ONE)
    assert wide.made()
    for _ in range(2 * TRIES):
        wide.answer(ONE)
    return wide


def test_who_asks_alone_is_answered_by_the_quicker_one() -> None:
    narrow, quick = Timed(3 * WORTHWHILE), Timed(0.0)
    wide = tried(narrow, quick)
    assert (narrow.asked, quick.asked) == (1 + TRIES, TRIES)
    answers = wide.answer(ONE)
    assert (narrow.asked, quick.asked) == (1 + TRIES, TRIES + 1)
    assert [a.answer for a in answers] == [a.answer for a in narrow.answer(ONE)]
    wide.answer(TWO)
    assert quick.asked == TRIES + 1, "who is not alone has the worker's own cores"


def test_what_is_no_quicker_is_let_go() -> None:
    narrow, slow = Timed(2 * WORTHWHILE), Timed(4 * WORTHWHILE)
    wide = tried(narrow, slow)
    wide.answer(ONE)
    assert slow.asked == TRIES


def test_none_is_made_for_who_is_not_alone_or_quick() -> None:
    for narrow, alone in ((Timed(3 * WORTHWHILE), False), (Timed(0.0), True)):
        wide = Wide(narrow, lambda: Timed(0.0), lambda alone=alone: alone)
        for questions in (ONE, TWO, ONE):
            wide.answer(questions)
        assert not wide.made()


def test_where_none_can_be_made_it_goes_on() -> None:
    def fails() -> Pipeline:
        raise InvalidBundle("the folder is gone")

    wide = Wide(Timed(3 * WORTHWHILE), fails, lambda: True)
    for _ in range(2):
        assert len(wide.answer(ONE)) == 1
        assert wide.made()

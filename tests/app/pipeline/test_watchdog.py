"""A run that nobody waits for is ended, and one that cannot be ended is given up."""

import threading
import time
from types import SimpleNamespace

import pytest

from app.errors import DeadlineExceeded
from app.modalities import Payload
from app.pipeline import CancelToken, Pipeline, Watchdog, make_items
from app.pipeline.watchdog import GIVE_UP
from app.tasks.classify import ClassifyOptions
from tests import fakes

ENDLESS, GOOD = (Payload(fakes.plain(each), "image/png") for each in (fakes.RED, fakes.BLUE))


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def only_we_look(monkeypatch) -> None:
    """Let the watchdog's own thread sleep."""
    monkeypatch.setattr("app.pipeline.watchdog.LOOK", 3600)


def items_of(*tokens: CancelToken):
    return [item for token in tokens for item in make_items([GOOD], ClassifyOptions(), token)]


def begun(watchdog: Watchdog, *tokens: CancelToken):
    return watchdog.start("m", items_of(*tokens), SimpleNamespace(terminate=False))


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
def test_a_graph_that_never_ends_is_ended_when_nobody_waits(how: str) -> None:
    pipeline = Pipeline(fakes.faulty_bundle(), watchdog=Watchdog())
    token = CancelToken(deadline=time.monotonic() + 0.1) if how == "deadline" else CancelToken()
    if how == "cancelled":
        threading.Timer(0.1, lambda: setattr(token, "cancelled", True)).start()
    [answer] = pipeline.answer(make_items([ENDLESS], ClassifyOptions(), token))
    assert isinstance(answer, DeadlineExceeded)
    [answer] = pipeline.answer(make_items([GOOD], ClassifyOptions()))
    assert answer.answer.label == "blue", "the thread is free and the model answers"


@pytest.mark.usefixtures("only_we_look")
def test_a_batch_runs_on_as_long_as_one_request_waits() -> None:
    clock = Clock()
    watchdog = Watchdog(clock=clock)
    gone, late, waits = CancelToken(True), CancelToken(deadline=1), CancelToken(deadline=3)
    batch = begun(watchdog, gone, late, waits)
    for clock.now, ended in ((0, False), (2, False), (3, True)):
        watchdog.look()
        assert (batch.ended, batch.options.terminate) == (ended, ended)


@pytest.mark.usefixtures("only_we_look")
def test_a_batch_that_is_over_is_watched_no_longer() -> None:
    watchdog = Watchdog()
    batch = begun(watchdog, CancelToken(True))
    watchdog.stop(batch)
    watchdog.look()
    assert not batch.options.terminate


@pytest.mark.usefixtures("only_we_look")
def test_a_worker_is_given_up_once_where_a_batch_does_not_end_after_its_deadline() -> None:
    lost: list[str] = []
    clock = Clock()
    watchdog = Watchdog(lost.append, clock)
    begun(watchdog, CancelToken(deadline=10), CancelToken(True, deadline=5))
    begun(watchdog, CancelToken(True))  # without a deadline
    for clock.now, given_up in (
        (9, []),
        (10 + GIVE_UP - 1, []),
        (10 + GIVE_UP, ["m"]),
        (99, ["m"]),
    ):
        watchdog.look()
        assert lost == given_up


def test_the_thread_ends_in_a_rest_and_another_starts_for_the_next_batch(monkeypatch) -> None:
    monkeypatch.setattr("app.pipeline.watchdog.LOOK", 0.001)
    others = set(threading.enumerate())
    watchdog = Watchdog()
    for _ in range(3):
        batch = begun(watchdog, CancelToken(True))
        end = time.monotonic() + 20
        while not batch.ended and time.monotonic() < end:
            time.sleep(0.001)
        assert batch.ended
        watchdog.stop(batch)
        end = time.monotonic() + 20
        while watching(others) and time.monotonic() < end:  # several ticks, after which it ends
            time.sleep(0.001)
        assert not watching(others)


def watching(others: set[threading.Thread]) -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name == "watchdog" and t not in others]

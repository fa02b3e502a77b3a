"""The fuzzer: what it calls a broken promise, and that its files are the same every time."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Payload
from benchmarks.reliability import fuzz
from benchmarks.reliability.fuzz_files import KINDS, mutated, whole_files

PAYLOAD = Payload(b"some file", "image/x")


class Planted:
    """An encoder that does what a test says."""

    media_types = "image/x"

    def __init__(self, error: Exception | None = None, memory: int = 0, stated: int = 0) -> None:
        self._error, self._memory, self._stated = error, memory, stated

    def cost(self, payload: Payload) -> float:
        return 0.0

    def decode_bytes(self, payload: Payload) -> int:
        return self._stated

    def encode(self, payload: Payload) -> None:
        if self._error is not None:
            raise self._error
        np.ones(self._memory, np.uint8).sum()


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "read"),
        (InvalidInput("expected this, got that; send this"), "refused"),
        (InvalidInput("expected a word, at character 3"), "refused"),
        (InvalidInput("no"), "a refusal without a remedy: no"),
        (KeyError("place"), "KeyError: 'place'"),
    ],
)
def test_what_is_no_refusal_breaks_a_promise(error: Exception | None, outcome: str) -> None:
    assert fuzz.outcome_of([Planted(error)], PAYLOAD) == outcome
    assert fuzz.outcome_of([Planted(), Planted(error)], PAYLOAD) == (
        "read" if outcome == "refused" else outcome
    )


def test_a_file_is_read_if_one_of_the_encoders_reads_it() -> None:
    refusing = Planted(InvalidInput("expected this; send it"))
    assert fuzz.outcome_of([refusing, Planted()], PAYLOAD) == "read"


def test_memory_that_was_not_stated_breaks_a_promise() -> None:
    large = 2**29
    if fuzz.outcome_of([Planted(memory=large)], PAYLOAD) == "read":
        pytest.skip("the process has had as much before, or memory is not counted here")
    assert "had stated 1" in fuzz.outcome_of([Planted(memory=2 * large, stated=2**20)], PAYLOAD)
    assert fuzz.outcome_of([Planted(memory=3 * large, stated=3 * large)], PAYLOAD) == "read"


@pytest.mark.parametrize("kind", KINDS)
def test_turns_are_the_same_files_in_every_process(kind: str) -> None:
    files = {kind: whole_files(kind)}
    first, again, other = (fuzz.Plan(files, seed) for seed in (1, 1, 2))
    turns = range(30)
    assert [first.data(n) for n in turns] == [again.data(n) for n in turns]
    assert [first.data(n) for n in turns] != [other.data(n) for n in turns]


def test_mutations_are_many() -> None:
    whole, random = [bytes(range(256)) * 4], np.random.default_rng(0)
    made = {mutated(whole, random) for _ in range(200)}
    assert len(made - set(whole)) > 190


@pytest.mark.slow
def test_a_short_run_breaks_nothing(capsys) -> None:
    assert fuzz.run(0.1, ["tree", "words"], 0) == 0
    assert "0 broken" in capsys.readouterr().out

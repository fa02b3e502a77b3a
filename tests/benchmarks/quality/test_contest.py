"""A contestant runs in its own process; one that fails is a figure that says why."""

from pathlib import Path

import pytest

from benchmarks.quality import contest
from benchmarks.quality.answers import read_answers
from benchmarks.quality.contest import EASY_OF, Terms, compete, contestants
from benchmarks.quality.easy import EASY, answer
from benchmarks.quality.figures import score
from benchmarks.quality.ours import NoBundle, train
from benchmarks.quality.prepare import Prepared, prepare
from benchmarks.quality.sets import SETS
from benchmarks.quality.tables import OF
from tests.benchmarks.quality.made import quality_set, texts


@pytest.fixture
def toy(tmp_path: Path) -> Prepared:
    return prepare(quality_set(texts()), tmp_path)


@pytest.mark.parametrize("peer", ["words", "characters"])
def test_an_easy_peer_learns_what_a_word_decides(toy: Prepared, peer: str, tmp_path: Path) -> None:
    found = answer(toy, EASY[peer])
    found.write(tmp_path / "answers.json")
    truth = [sample.label for sample in toy.samples("test")]
    assert score(read_answers(tmp_path / "answers.json"), truth).accuracy == 1
    assert found.megabytes > 0
    assert found.seconds > 0
    assert "C=" in found.remark


def test_every_easy_peer_is_a_contestant_of_its_kind() -> None:
    assert {(peer.kind, name) for name, peer in EASY.items()} == {
        (kind, name) for kind, names in EASY_OF.items() for name in names
    }
    assert all(EASY[name].kind == kind for kind, name in OF.items())
    assert {each.kind for each in SETS} == set(EASY_OF)
    assert contestants("sound") == ("thalamus", "forest", "autogluon")


def test_a_contestant_that_fails_says_why(toy: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contest, "ROOT", toy.folder)  # where its module is not
    found = compete(toy, "words", Terms())
    assert found.test == 0
    assert found.failed.startswith("status 1: ")
    assert "benchmarks" in found.failed


def test_a_training_without_a_bundle_is_no_answer(toy: Prepared, tmp_path: Path) -> None:
    with pytest.raises(NoBundle, match="status"):
        train(toy, ["--epochs", "no number"], tmp_path / "ours")

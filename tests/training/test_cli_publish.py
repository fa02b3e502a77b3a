"""`thalamus-train train --publish`: a worse version does not go live by itself."""

import io
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.bundle import read_bundle
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule
from app.cli import main as thalamus
from app.registry import SHIPPED
from benchmarks.reliability.choice import Followed
from benchmarks.reliability.client import ClientBehaviour, Clients, Question, ask
from benchmarks.reliability.service import Launch, running, wait_until
from tests.training.conftest import left_behind
from tests.training.samples import gray_pictures, toy_recipe
from training.cli import main
from training.data.dataset import Dataset
from training.data.learnt_samples import LEARNT_SAMPLES, unrecorded
from training.data.split import split
from training.fitting.fit import Schedule
from training.recipes import RECIPES

pytestmark = pytest.mark.training
PICTURES = gray_pictures(60)
NOTHING_LEARNT = Schedule(epochs=1, batch_size=8, learning_rate=1e-9)


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `models` of an empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "models"


@pytest.fixture
def train(models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Train a recipe `toy` with these changes and options; return the lines of the output."""

    def run(*options: str, data: Dataset = PICTURES, **changes: object) -> list[str]:
        monkeypatch.setitem(RECIPES, "toy", toy_recipe(data, **changes))
        capsys.readouterr()
        assert main(["train", "toy", *options]) == 0
        return capsys.readouterr().out.splitlines()

    return run


def shuffled(data: Dataset) -> Dataset:
    """The same pictures, each under any label."""
    labels = [s.label for s in data.samples]
    np.random.default_rng(0).shuffle(labels)
    pairs = zip(data.samples, labels, strict=True)
    return replace(data, samples=[replace(s, label=label) for s, label in pairs])


def rule(models: Path) -> ServingRule:
    return read_rule(models / "toy")


def card(models: Path, version: int) -> str:
    return (models / "toy" / str(version) / "README.md").read_text()


def test_a_worse_version_is_held_and_a_better_one_serves(models: Path, train):
    assert train()[-1] == "published models/toy/1"
    said = train(schedule=NOTHING_LEARNT)
    assert said[-3] == "published models/toy/2"
    assert said[-2].startswith("held: its balanced accuracy, ")
    assert said[-1] == ("toy/1 serves; to let this version serve: thalamus models release toy 2")
    compared = next(line for line in said if line.startswith("balanced accuracy on "))
    assert "test samples that are new to both: 100.0 % of toy/1, " in compared
    assert rule(models).held == (2,)
    assert said[-2] == f"held: {rule(models).reasons[2]}"
    assert "## Compared with version 1" in card(models, 2)
    assert "`thalamus models release toy 2`" in card(models, 2)

    assert train("--seed", "2")[-1] == "published models/toy/3"
    assert rule(models).held == (2,)
    assert "## Compared with version 1" in card(models, 3)
    assert "release" not in card(models, 3)


def test_shuffled_labels_are_noticed_although_the_old_version_fails_on_them_too(train):
    data = gray_pictures(200)
    train(data=data)
    assert train(data=shuffled(data))[-2].startswith("held: its balanced accuracy, ")


def test_a_data_set_that_grew_is_compared_on_what_is_new_to_both(models: Path, train):
    train()
    samples = split(PICTURES.samples, toy_recipe(PICTURES).shares)
    record = read_bundle(models / "toy" / "1", SHIPPED).files[LEARNT_SAMPLES]
    assert set(unrecorded(record, PICTURES.samples)) == set(samples.test)

    more = gray_pictures(100, seed=5)
    grown = replace(more, samples=[*PICTURES.samples, *more.samples])
    said = train(data=grown, schedule=NOTHING_LEARNT)
    assert said[-2].startswith("held: its balanced accuracy, ")


def test_too_few_samples_hold_a_version(models: Path, train):
    few = gray_pictures(20)
    train(data=few)
    said = train(data=few)
    assert said[-2].endswith("learnt from are too few; expected 10 or more")
    assert rule(models).held == (2,)


def test_another_set_of_labels_holds_a_version(models: Path, train):
    train()
    named = [replace(s, label=s.label.replace("light", "bright")) for s in PICTURES.samples]
    said = train(data=replace(PICTURES, samples=named))
    assert said[-2] == (
        "held: its labels differ from those of version 1; new: 'bright'; gone: 'light'"
    )


def test_always_never_holds_and_never_always_does(models: Path, train):
    train()
    assert train("--publish", "always", schedule=NOTHING_LEARNT)[-1] == "published models/toy/2"
    assert not (models / "toy" / SERVING_FILE).exists()
    assert "## Compared" not in card(models, 2)
    said = train("--publish", "never", "--seed", "2")
    assert said[-2:] == [
        "held: it was published with --publish never",
        "toy/2 serves; to let this version serve: thalamus models release toy 3",
    ]
    assert rule(models).held == (3,)
    assert "## Held" in card(models, 3)


def test_a_damaged_version_holds_the_next_one(models: Path, train):
    train()
    graph = models / "toy" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    assert "cannot be compared with: toy/1: model.onnx was altered" in train()[-2]


def test_the_same_commands_give_the_same_bytes(models: Path, train, tmp_path: Path):
    published = []
    for folder in (models, tmp_path / "others"):
        train("--models", str(folder))
        train("--models", str(folder), schedule=NOTHING_LEARNT)
        version = folder / "toy" / "2"
        published.append(
            {
                name: (version / name).read_bytes()
                for name in left_behind(version)
                if (version / name).is_file()
            }
        )
    assert "README.md" in published[0] and LEARNT_SAMPLES in published[0]
    assert published[0] == published[1]


def test_a_worse_version_under_load_is_held_released_and_rolled_back(models: Path, train):
    """Two workers, eight clients, 5,000 requests: each change reaches every client, none fails."""
    train()
    followed = Followed(8)
    picture = io.BytesIO()
    Image.new("L", (8, 8), 200).save(picture, "PNG")
    question = Question("/v1/models/toy/classify", picture.getvalue(), "image/png")
    behaviour = ClientBehaviour(pause=0.002, note=followed.note)

    def serves(version: int, *command: str) -> None:
        """Wait until every client has an answer of this version after the command."""
        followed.expect(version)
        assert not command or thalamus(["models", *command, "--models", str(models)]) == 0
        assert wait_until(followed.everywhere, patience=60) < math.inf, command

    with (
        running(Launch(models)) as service,
        Clients(service.port, [question], 8, behaviour) as clients,
    ):
        serves(1)
        assert train(schedule=NOTHING_LEARNT)[-2].startswith("held: its balanced accuracy, ")
        url = "/v1/models/toy"
        while len(json.loads(ask(service.port, "GET", url).body)["versions"]) < 2:
            time.sleep(0.05)
        serves(1)
        serves(2, "release", "toy", "2")
        serves(1, "pin", "toy", "1")
        assert thalamus(["models", "rollback", "toy", "--models", str(models)]) == 2
        serves(1)
        serves(2, "unpin", "toy")
        serves(1, "rollback", "toy")
        serves(2, "unpin", "toy")
        assert wait_until(lambda: followed.answers >= 5000, patience=120) < math.inf
    assert (clients.failed(), followed.back) == (0, 0)

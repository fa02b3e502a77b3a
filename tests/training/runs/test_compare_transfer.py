"""The three ways side by side, on pictures so small that each takes a second."""

import logging
from pathlib import Path

import pytest

from tests.training.conftest import REPOSITORY
from tests.training.samples import gray_pictures, toy_recipe
from tests.training.transfer.test_apply import small_images
from training.data.split import Shares
from training.errors import TrainingError
from training.fitting.fit import Schedule
from training.networks.convolutional.classifier import ConvNet
from training.recipes.recipe import Recipe
from training.runs.compare_transfer import compare_starts


def recipe() -> Recipe:
    return toy_recipe(
        gray_pictures(each=16, side=28),
        prepare=small_images,
        network=lambda labels: ConvNet(1, labels, width=4),
        schedule=Schedule(epochs=2, batch_size=8),
        shares=Shares(validation=25, test=25),
    )


@pytest.mark.slow
def test_every_way_is_tried_with_every_seed(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    picture = tmp_path / "docs" / "curves.svg"
    caplog.set_level(logging.INFO, "training")
    comparison = compare_starts(
        recipe(), None, "digits", REPOSITORY / "models", range(2), picture=picture
    )
    attempts = comparison.attempts
    assert {start: len(tries) for start, tries in attempts.items()} == {
        "scratch": 2,
        "pretrained": 2,
        "features": 2,
    }
    tested = {len(attempt.correct) for tries in attempts.values() for attempt in tries}
    assert len(tested) == 1
    features = attempts["features"]
    assert (features[0].correct == features[1].correct).all()  # no chance in it
    assert "| `features` | " in comparison.table() and " ± 0.0 % | 2 |" in comparison.table()
    assert "pretrained, seed 1" in caplog.messages
    assert picture.read_text().count("pretrained") >= 1


def test_a_picture_has_a_known_suffix(tmp_path: Path):
    with pytest.raises(TrainingError, match="a picture is"):
        compare_starts(recipe(), None, "digits", tmp_path, [1], picture=tmp_path / "x.jpeg")

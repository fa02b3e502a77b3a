"""Whoever is held out is never trained on, nor chosen by."""

from typing import ClassVar

import pytest
from torch import Tensor

from tests.training.samples import Toy, gray_pictures, squares, toy_recipe
from training.data.encode import Examples
from training.data.split import Splits
from training.fitting.fit import Schedule
from training.modalities.image import TRAINING_IMAGE
from training.recipes.recipe import Recipe
from training.runs.findings import Findings
from training.runs.leave_one_out import leave_one_out
from training.runs.prepare import PreparedData

LABELS, PEOPLE = ("dark", "light"), ("anna", "ben", "chloe")


class Watched(Toy):
    """Remembers every picture that it was shown, in training and otherwise."""

    made: ClassVar[list["Watched"]] = []

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.fitted_on: list[bytes] = []
        self.asked_about: list[bytes] = []
        self.made.append(self)

    def forward(self, image: Tensor) -> Tensor:
        met = self.fitted_on if self.training else self.asked_about
        met.extend(picture.numpy().tobytes() for picture in image)
        return super().forward(image)


def prepared(recipe: Recipe, parts: list[Examples]) -> PreparedData:
    """The encoded parts, as a recipe's data."""
    data = recipe.load(None)
    splits = Splits(*(part.samples for part in parts))
    encoder, files = recipe.prepare([])
    return PreparedData(data, splits, LABELS, TRAINING_IMAGE, encoder, files, *parts)


def pictures(part: Examples, *groups: str) -> list[bytes]:
    return sorted(
        item["image"].tobytes()
        for item, s in zip(part.items, part.samples, strict=True)
        if s.group in groups
    )


def test_the_held_out_group_is_never_met():
    parts = [squares(count, seed, PEOPLE) for seed, count in enumerate((48, 24, 12))]
    Watched.made.clear()
    recipe = toy_recipe(
        gray_pictures(),
        network=Watched,
        leave_one_out="speaker",
        schedule=Schedule(epochs=1, batch_size=8),
    )
    found = leave_one_out(recipe, prepared(recipe, parts))
    figures, (section,) = found.metrics, found.sections
    for network, held_out in zip(Watched.made, PEOPLE, strict=True):
        others = [person for person in PEOPLE if person != held_out]
        chosen_by = pictures(parts[1], *others)
        strangers = [picture for part in parts for picture in pictures(part, held_out)]
        assert sorted(network.fitted_on) == pictures(parts[0], *others)
        assert sorted(network.asked_about[: len(chosen_by)]) == chosen_by
        assert sorted(network.asked_about[len(chosen_by) :]) == sorted(strangers)
    assert [figure.split for figure in figures[1:]] == [f"speaker {p} held out" for p in PEOPLE]
    assert [figure.samples for figure in figures] == [84, 28, 28, 28]
    mean = sum(figure.value for figure in figures[1:]) / 3
    assert figures[0].value == pytest.approx(mean)
    assert all(f"| {person} |" in section for person in PEOPLE)


def test_one_group_alone_cannot_be_left_out(capsys: pytest.CaptureFixture[str]):
    parts = [squares(12, seed, ["anna"]) for seed in range(3)]
    recipe = toy_recipe(gray_pictures(), leave_one_out="speaker")
    assert leave_one_out(recipe, prepared(recipe, parts)) == Findings()
    assert "without speaker anna nothing is left" in capsys.readouterr().err

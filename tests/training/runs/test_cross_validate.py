"""Network and baseline are compared on every sample once, trained as a run trains them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch

from tests.training.samples import Toy, gray_pictures, toy_recipe
from training.cli import main
from training.data.dataset import TEST, Sample
from training.data.split import Shares, Splits
from training.errors import BadData
from training.fitting.fit import Schedule
from training.recipes import RECIPES
from training.runs.classifier import train_classifier
from training.runs.cross_validate import Comparison, compare

PICTURES = gray_pictures(each=60)


class Kept(Toy):
    """Keeps every network that was made."""

    made: ClassVar[list["Kept"]] = []

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.made.append(self)


class AlwaysDark:
    """A baseline that remembers what it was given."""

    def __init__(self) -> None:
        self.given: list[Splits] = []

    def __call__(self, splits: Splits) -> tuple[str, np.ndarray]:
        self.given.append(splits)
        return "always dark", np.asarray([s.label == "dark" for s in splits.test])


def places(samples: Sequence[Sample]) -> set[int]:
    return {int(sample.digest[:8], 16) % 100 for sample in samples}


def test_the_command_tells_each_fold_and_the_whole(
    somewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(RECIPES, "toy", toy_recipe(PICTURES, baseline=AlwaysDark()))
    assert main(["compare", "toy", "--folds", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    folds = [line for line in lines if line.startswith("fold ")]
    assert [line.split("  ")[0] for line in folds] == ["fold 1/2", "fold 2/2"]
    assert lines[-1] == (
        "all folds  wrong: network 0/120, baseline 60/120; "
        "only the network 0, only the baseline 60; p = 1.7e-18 (McNemar, exact, two-sided)"
    )
    assert list(somewhere.iterdir()) == []


def test_the_folds_are_windows_that_hold_every_sample_once():
    baseline = AlwaysDark()
    shares = Shares(rule=1)  # that of the recipes with a baseline; no label moves here
    recipe = toy_recipe(PICTURES, baseline=baseline, schedule=Schedule(epochs=1), shares=shares)
    compare(recipe, None, 5)
    tested = [s.name for splits in baseline.given for s in splits.test]
    assert sorted(tested) == sorted(s.name for s in PICTURES.samples)
    for number, splits in enumerate(baseline.given):
        first = 20 * number
        assert places(splits.test) <= set(range(first, first + 20))
        assert places(splits.validation) <= {place % 100 for place in range(first + 20, first + 30)}
        assert not places(splits.train) & {place % 100 for place in range(first, first + 30)}


@pytest.mark.slow
def test_a_fold_is_trained_as_a_run_on_its_split(tmp_path: Path):
    recipe = toy_recipe(PICTURES, baseline=AlwaysDark(), network=Kept)
    Kept.made.clear()
    compare(recipe, None, 5)
    train_classifier(
        replace(recipe, shares=Shares(validation=10, test=20, first=40)), None, tmp_path
    )
    third, alone = Kept.made[2], Kept.made[5]
    assert torch.equal(third.head.weight, alone.head.weight)
    assert not torch.equal(third.head.weight, Kept.made[1].head.weight)


def test_a_prescribed_test_split_has_no_folds():
    samples = [replace(s, fixed=TEST if i % 3 else None) for i, s in enumerate(PICTURES.samples)]
    recipe = toy_recipe(replace(PICTURES, samples=samples), baseline=AlwaysDark())
    with pytest.raises(BadData, match="the test split is prescribed"):
        compare(recipe, None, 5)


@pytest.mark.parametrize(
    ("network", "baseline", "p_value"),
    [(10, 25, 0.01668), (25, 10, 0.01668), (3, 3, 1.0), (0, 0, 1.0), (0, 5, 0.0625)],
)
def test_mcnemar_counts_samples_that_one_method_alone_predicts_wrongly(
    network: int, baseline: int, p_value: float
):
    both = [True] * 7 + [False] * 50
    comparison = Comparison(
        np.asarray([True] * network + [False] * baseline + both),
        np.asarray([False] * network + [True] * baseline + both),
    )
    assert comparison.alone == (network, baseline)
    assert comparison.p_value == pytest.approx(p_value, rel=1e-3)

"""A search decides as `--start auto` does, whichever trial ends first, and can be replayed."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.training.samples import sentence
from training.cluster.run_folder import RunFolder
from training.cluster.search import Search
from training.cluster.trial import TrialTask, trial_of, try_variation
from training.data.dataset import Dataset, name_of
from training.data.split import split
from training.modalities import TRAINING_MODALITIES
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Recipe
from training.runs.choose_start import ComparisonOptions, decide_start, own_samples
from training.runs.chosen_start import apply_choice, with_learning_rate
from training.runs.contest import Contest, prepare_contest
from training.runs.prepare import load
from training.runs.search_plan import Variation
from training.transfer import start_samples


class InThisProcess:
    """A cluster of this process. backwards: the last trial ends first."""

    def __init__(self, backwards: bool = False) -> None:
        self.nodes, self.names = (SimpleNamespace(cpus=4.0),), {"id": "10.0.0.9"}
        self._backwards = backwards

    def stream(self, _: object, prepare: Any, tasks: list[TrialTask], threads: int, *__: Any):
        for task in reversed(tasks) if self._backwards else tasks:
            yield [(task.number, try_variation(prepare, task, threads) | {"node": "id"})]


def codes(path: Path) -> Path:
    """Texts that no trained network is a candidate for, and that one word decides."""
    rng = np.random.default_rng(2)
    rows = [f"{sentence(kind, rng, 6)} {i},{kind}" for i in range(40) for kind in ("ham", "spam")]
    path.write_text("text,label\n" + "\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def samples(tmp_path: Path) -> tuple[Recipe, Dataset]:
    recipe = auto_recipe(codes(tmp_path / "mails.csv"), "mails")
    recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=2, verbose=False))
    return recipe, replace(load(recipe, None), keeps_case=True)


def contest(samples: tuple[Recipe, Dataset], models: Path) -> Contest:
    recipe, dataset = samples
    own = own_samples(recipe, dataset, models)
    found = prepare_contest(own, dataset, models, TRAINING_MODALITIES)
    (scratch,) = (each for each in found.candidates if each.lineage.start == "scratch")
    return replace(found, candidates=(scratch,))  # the linear model leaves nothing to search


def searched(samples: tuple[Recipe, Dataset], models: Path, backwards: bool) -> Any:
    prepare = partial(contest, samples, models)
    options = ComparisonOptions(1000.0, models, 3)
    cluster: Any = InThisProcess(backwards)
    search = Search(cluster, prepare, RunFolder(models), 1, options)
    return search(prepare(), lambda: 0.0)


@pytest.mark.training
def test_the_order_in_which_trials_end_decides_nothing(
    samples: tuple[Recipe, Dataset], tmp_path: Path
) -> None:
    forwards = searched(samples, tmp_path, backwards=False)
    assert searched(samples, tmp_path, backwards=True) == forwards
    rows = forwards.table.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        "scratch",
        *(f"scratch, learning rate {0.3 * rate:.3g}" for rate in _rates(samples, tmp_path)),
    ]
    assert sum("chosen" in row for row in rows) == 1


def _rates(samples: tuple[Recipe, Dataset], models: Path) -> Iterator[float]:
    own = contest(samples, models).candidates[0].schedule.learning_rate
    yield from (own, 10 * own)


@pytest.mark.training
def test_a_choice_is_replayed_by_its_start_epochs_and_learning_rate(
    samples: tuple[Recipe, Dataset], tmp_path: Path
) -> None:
    recipe, dataset = samples
    choice = replace(searched(samples, tmp_path, backwards=False), learning_rate=0.0009)
    chosen = apply_choice(recipe, dataset, choice, tmp_path)
    named = start_samples(recipe, dataset, choice.start, (None, tmp_path))
    named = replace(named, schedule=replace(named.schedule, epochs=choice.epochs))
    named = with_learning_rate(named, 0.0009)
    assert chosen.schedule == named.schedule
    assert chosen.lineage == replace(named.lineage, comparison=choice.table)


def test_no_sample_of_the_test_split_takes_part(
    samples: tuple[Recipe, Dataset], tmp_path: Path
) -> None:
    recipe, dataset = samples
    parts = contest(samples, tmp_path).parts
    splits = split(dataset.samples, own_samples(recipe, dataset, tmp_path).shares)
    tested = {name_of(splits.test, place) for place in range(len(splits.test))}
    seen = {
        name_of(part, place)
        for part in (parts.learn, parts.stop, parts.judge)
        for place in range(len(part))
    }
    assert tested and seen and tested.isdisjoint(seen)


def test_a_trial_comes_back_as_it_was_made(samples: tuple[Recipe, Dataset], tmp_path: Path) -> None:
    prepare = partial(contest, samples, tmp_path)
    task = TrialTask(0, Variation(0, 0.001), 1e-9, 1.0)
    values = try_variation(prepare, task, 1)
    recipe = task.variation.of(prepare().candidates)
    trial = trial_of(values, recipe)
    assert trial.recipe is recipe and trial.losses is None
    assert trial.why.startswith("not tried: it needs about")
    assert trial.name == "scratch, learning rate 0.001"


def test_a_learning_rate_that_diverges_loses_and_does_not_end_the_search(
    samples: tuple[Recipe, Dataset], tmp_path: Path
) -> None:
    prepare = partial(contest, samples, tmp_path)
    values = try_variation(prepare, TrialTask(0, Variation(0, 1e30), 1e9, 1e9), 1)
    assert values["why"].startswith("given up: the loss became nan in epoch 1")


def test_samples_that_cannot_be_read_leave_nothing_to_choose(
    samples: tuple[Recipe, Dataset], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "training")
    recipe, dataset = samples
    cluster: Any = InThisProcess()
    cluster.stream = lambda *_: iter([[(0, {"unreadable": "none", "node": "id"})]])
    options = ComparisonOptions(1.0, tmp_path, 1)
    search = Search(cluster, partial(contest, samples, tmp_path), RunFolder(tmp_path), 1, options)
    assert decide_start(recipe, dataset, options, search) is None

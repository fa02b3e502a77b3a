"""Which start is chosen among the candidates, and that the clock sets nothing but epochs."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.bundle import read_bundle
from app.modalities.text.spec import TextSpec
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.samples import gray_pictures, sample, sentence, spoken, toy_recipe
from training.fitting.checkpoint import Checkpoints
from training.modalities import TRAINING_MODALITIES
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Lineage, Recipe
from training.runs.candidates import Allowance, ComparisonParts, Pace, Trial, try_candidate
from training.runs.choose_start import ComparisonOptions, choose_start
from training.runs.classifier import train_classifier
from training.runs.contest import judged_places
from training.runs.prepare import load
from training.runs.winner import best_trial, hardly_beaten, pick_winner
from training.transfer import start_samples


def trial(losses: list[float], weights: int, start: str = "scratch") -> Trial:
    recipe = replace(toy_recipe(gray_pictures()), lineage=Lineage(start=start))  # type: ignore[arg-type]
    return Trial(recipe, 1, weights, 0.5, np.asarray(losses))


def test_the_lowest_loss_wins_by_more_than_a_standard_error() -> None:
    small, large = trial([1.0, 1.1, 0.9] * 9, 10), trial([0.5, 0.6, 0.4] * 9, 99, "linear")
    assert best_trial([small, large]) is large


def test_within_a_standard_error_the_smallest_wins() -> None:
    rng = np.random.default_rng(1)
    losses = rng.uniform(0.4, 0.6, 50)
    equal = losses + rng.normal(0.001, 0.1, 50)
    small, large = trial(equal.tolist(), 10), trial(losses.tolist(), 99, "linear")
    assert best_trial([large, small]) is small
    assert best_trial([small]) is small


def test_a_network_that_is_hardly_smaller_does_not_win() -> None:
    equal = [0.53, 0.58, 0.43, 0.57] * 9
    small, large = trial(equal, 51), trial([0.5, 0.6, 0.4, 0.6] * 9, 99, "linear")
    assert best_trial([small, large]) is large
    assert best_trial([replace(small, weights=49), large]).weights == 49


def test_a_loss_next_to_none_is_hardly_beaten() -> None:
    assert hardly_beaten(trial([0.001] * 99 + [0.5], 10))
    assert not hardly_beaten(trial([0.001] * 20, 10))  # so few samples say nothing
    assert not hardly_beaten(trial([0.1, 0.2] * 50, 10))
    assert not hardly_beaten(replace(trial([0.0], 10), losses=None))


def test_losses_of_samples_that_one_candidate_cannot_read_are_left_out() -> None:
    first = replace(trial([9.0, 0.1, 0.2], 10), judges=("a", "b", "c"))
    second = replace(trial([0.3, 0.4], 99, "linear"), judges=("b", "c"))
    assert best_trial([first, second]) is first


def test_judges_share_no_group_and_every_label_is_learnt() -> None:
    groups = [sample(f"{i}", "ab"[i % 2], group=f"speaker {i % 20}") for i in range(200)]
    judge, learn = judged_places(groups, grouped=True)
    assert {groups[i].group for i in judge}.isdisjoint(groups[i].group for i in learn)
    assert len(judge) and sorted([*judge, *learn]) == list(range(200))
    for count in range(2, 60):
        few = [sample(f"a{i}", "a") for i in range(count)] + [sample("b", "b")]
        _, learn = judged_places(few, grouped=True)
        assert {few[i].label for i in learn} == {"a", "b"}


@pytest.mark.parametrize(
    ("pace", "seconds", "epochs"),
    [
        (Pace(0.0, 0.1), 35.0, 3),
        (Pace(0.1, 0.1), 35.0, 2),
        (Pace(0.5, 0.1), 35.0, 0),
        (Pace(0.0, 0.1), 1e6, 8),
        (Pace(0.1, 0.0), 11.0, 8),
        (Pace(0.2, 0.0), 11.0, 0),
    ],
)
def test_epochs_fit_into_the_time(pace: Pace, seconds: float, epochs: int) -> None:
    assert pace.epochs_in(seconds, 100, most=8) == epochs


class Clock:
    """Each look at it takes so many seconds."""

    def __init__(self, step: float) -> None:
        self.now, self._step = 0.0, step

    def __call__(self) -> float:
        self.now += self._step
        return self.now


def table(path: Path, count: int = 60) -> Path:
    rng = np.random.default_rng(2)
    rows = [
        f"{sentence(kind, rng, 6)} {i},{kind}" for i in range(count) for kind in ("ham", "spam")
    ]
    path.write_text("text,label\n" + "\n".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def texts(tmp_path: Path) -> Recipe:
    recipe = auto_recipe(table(tmp_path / "mails.csv"), "mails")
    return replace(recipe, schedule=replace(recipe.schedule, epochs=3, verbose=False))


def chosen(recipe: Recipe, models: Path, step: float, minutes: float = 10.0) -> Recipe:
    """Choose between the linear model and the network from scratch: trained ones take longer."""
    data = replace(load(recipe, None), keeps_case=True)
    return choose_start(recipe, data, ComparisonOptions(minutes, models), clock=Clock(step))


@pytest.mark.training
def test_a_choice_is_trained_again_without_the_clock(texts: Recipe, tmp_path: Path) -> None:
    models = tmp_path / "models"
    best = chosen(texts, models, step=0.5)
    folders = [train_classifier(best, None, models)]
    assert best.lineage.comparison and "chosen" in best.lineage.comparison
    start, epochs = best.lineage.start, best.schedule.epochs
    data = replace(load(texts, None), keeps_case=True)
    again = start_samples(texts, data, start, (None, models))
    again = replace(again, loaded=data, schedule=replace(again.schedule, epochs=epochs))
    folders.append(train_classifier(again, None, models))
    first, second = (read_bundle(f, SHIPPED) for f in folders if f is not None)
    assert first.model == second.model
    assert first.manifest.provenance.start == start
    assert "## Candidates" in first.files["README.md"].decode()


@pytest.mark.training
def test_a_slow_clock_leaves_out_what_does_not_fit(
    texts: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "training")
    best = chosen(texts, tmp_path / "models", step=60.0)
    assert best.lineage.start in ("linear", "scratch")
    assert "not tried: " in caplog.text


@pytest.mark.training
@pytest.mark.parametrize(
    ("best", "epochs", "why"),
    [(math.inf, 8, ""), (1e9, 6, ""), (1e-9, None, "given up after 2 of 8 epochs, at a cross-")],
)
def test_a_candidate_far_behind_is_given_up_after_a_quarter(
    best: float, epochs: int | None, why: str
) -> None:
    recipe = toy_recipe(gray_pictures())
    recipe = replace(recipe, schedule=replace(recipe.schedule, epochs=8, verbose=False))
    samples = recipe.load(None).samples
    parts = ComparisonParts(samples, samples, samples)
    allowance = Allowance(1e6, Clock(0.0), best)
    tried = try_candidate(recipe, ("dark", "light"), parts, allowance, TRAINING_MODALITIES)
    assert (tried.epochs, tried.losses is None) == (epochs, epochs is None)
    assert tried.why.startswith(why)


def test_the_linear_candidate_is_always_tried(
    texts: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best = chosen(texts, tmp_path / "models", step=1000.0, minutes=0.1)
    assert best.lineage.start == "linear"
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "longer than --minutes allows" in said[0]
    rows = (best.lineage.comparison or "").splitlines()[2:]
    assert ["not tried" in row for row in rows] == [False, *[True] * (len(rows) - 1)]


@pytest.mark.training
def test_a_choice_is_kept_for_a_run_that_was_stopped(
    texts: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "training")
    with pytest.raises(KeyboardInterrupt), Checkpoints(tmp_path / "kept"):
        first = chosen(texts, tmp_path / "models", step=0.5)
        raise KeyboardInterrupt
    with Checkpoints(tmp_path / "kept"):
        second = chosen(texts, tmp_path / "models", step=30.0)  # another clock
    assert "chosen before" in caplog.text
    assert (second.lineage, second.schedule) == (first.lineage, first.schedule)
    assert not (tmp_path / "kept").exists()


@pytest.mark.training
def test_codes_are_read_as_they_are_and_are_no_language(
    texts: Recipe, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "training")
    data = replace(load(texts, None), keeps_case=True)
    best = chosen(texts, tmp_path / "models", step=0.5)
    assert "scratch" in caplog.text and "minilm" not in caplog.text
    linear = start_samples(texts, data, "linear", (None, tmp_path / "models"))
    spec, _ = linear.prepare(data.samples)
    assert isinstance(spec, TextSpec) and (spec.cleaning, spec.unit) == ("verbatim", "character")
    assert best.lineage.start in ("linear", "scratch")


@pytest.mark.training
def test_sounds_are_compared_with_training_sounds(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    for speaker in range(40):
        for value in (1, 5, 8):
            path = tmp_path / "data" / f"digit {value}" / f"{speaker}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(spoken(value, speaker % 6, rng))
    recipe = auto_recipe(tmp_path / "data", "digits")
    recipe = start_samples(recipe, load(recipe, None), "linear", (None, tmp_path / "models"))
    folder = train_classifier(recipe, None, tmp_path / "models")
    assert folder is not None
    bundle = read_bundle(folder, SHIPPED)
    assert {m.name: m.value for m in bundle.manifest.metrics}["accuracy"] > 0.9
    assert replay(bundle, Pipeline(bundle)) == []


@pytest.mark.parametrize(
    ("left", "samples", "epochs"),
    [(0.1, 100, 47), (-9.0, 100, 47), (0.1, 8_000, 1), (1e6, 100, 60)],
)
def test_the_training_has_as_many_steps_as_the_comparison(
    left: float, samples: int, epochs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = replace(trial([0.1] * 9, 10), epochs=58, pace=Pace(0.0, 0.001))
    schedule = replace(judged.recipe.schedule, epochs=60)
    judged = replace(judged, recipe=replace(judged.recipe, schedule=schedule))
    best, found = pick_winner([judged], left, samples=samples, learnt=80)
    assert best is judged and found == epochs
    warned = "longer than --minutes allows" in capsys.readouterr().err
    assert warned == (left < 1)

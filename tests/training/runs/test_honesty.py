"""A run never publishes a useless model without a word."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from app.bundle import Bundle, read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline
from app.registry import SHIPPED
from tests.training.conftest import left_behind
from tests.training.samples import gray_pictures, png, toy_recipe
from training.data.dataset import TEST, Dataset, Sample
from training.data.split import Shares, split
from training.data.split_record import SPLIT
from training.errors import BadData, TrainingError
from training.exporting.card.data import stored_data
from training.fitting.fit import Schedule
from training.measuring.per_label import MAJORITY
from training.recipes.auto import auto_recipe
from training.recipes.recipe import Demands, Lineage
from training.runs.calibrate import publish_calibrated
from training.runs.classifier import train_classifier
from training.runs.registry import inspect

pytestmark = pytest.mark.slow

OWN = Lineage(recipe="auto", data_path="pictures")


class Stubborn(nn.Module):
    """A network that always gives the first label, and learns only how sure it is."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.head = nn.Linear(16, labels)

    def forward(self, image: Tensor) -> Tensor:
        sure = self.head(image.flatten(1).float() / 255).abs() + 1
        return torch.cat([sure[:, :1], -sure[:, 1:]], 1)


def uneven(few: int = 12, many: int = 90) -> Dataset:
    pictures = gray_pictures(many)
    dark = [s for s in pictures.samples if s.label == "dark"]
    light = [s for s in pictures.samples if s.label == "light"][:few]
    return replace(pictures, samples=dark + light)


def published(folder: Path | None) -> Bundle:
    assert folder is not None
    return read_bundle(folder, SHIPPED)


def test_a_model_that_never_gives_a_label_is_refused_and_nothing_is_left(tmp_path: Path):
    with pytest.raises(TrainingError) as refused:
        train_classifier(toy_recipe(uneven(), network=Stubborn, lineage=OWN), None, tmp_path)
    line = str(refused.value)
    assert "\n" not in line and line.startswith("toy is not published: on ")
    assert "validation and test samples it never answers 'light' (" in line
    assert "not better than always giving 'dark'" in line and "--force publishes it" in line
    assert left_behind(tmp_path) == []


def test_by_force_it_is_published_with_the_warning_in_its_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = toy_recipe(uneven(), network=Stubborn, lineage=OWN, demands=Demands(forced=True))
    bundle = published(train_classifier(recipe, None, tmp_path))
    card = bundle.files["README.md"].decode()
    warned = "it never answers 'light'"
    assert "> **Warning:** It was published although on " in card and warned in card
    assert warned in capsys.readouterr().err
    assert stored_data(bundle.files).warnings[0].startswith("It was published although")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of uneven data, with a wrong label among them."""
    data = uneven()
    wrong = replace(data.samples[0], label="light")
    recipe = toy_recipe(replace(data, samples=[wrong, *data.samples[1:]]), lineage=OWN)
    return published(train_classifier(recipe, None, tmp_path_factory.mktemp("models")))


def test_every_bundle_has_the_figures_that_an_imbalance_cannot_hide(bundle: Bundle):
    figures = {m.name: m for m in bundle.manifest.metrics}
    each = stored_data(bundle.files).label_figures
    assert [f.label for f in each] == list(bundle.manifest.labels)
    assert sum(f.support for f in each) == figures["accuracy"].samples
    recalls = [f.recall for f in each if f.recall is not None]
    assert figures["balanced accuracy"].value == pytest.approx(np.mean(recalls))
    dark = next(f for f in each if f.label == "dark")
    assert figures[MAJORITY].value == pytest.approx(dark.support / figures["accuracy"].samples)
    names = ("accuracy of the baseline", "balanced accuracy of the baseline")
    assert all(figures[name].samples == figures["accuracy"].samples for name in names)
    card = bundle.files["README.md"].decode()
    assert "## Labels\n" in card and "principal components of the pixels" in card


def test_a_label_that_is_probably_wrong_is_in_the_card(bundle: Bundle):
    section = stored_data(bundle.files).sections["Labels that may be wrong"]
    assert "| dark/0.png | light | dark |" in section


def test_inspect_lists_labels_that_are_probably_wrong():
    data = uneven()
    wrong = replace(data.samples[0], label="light")
    recipe = toy_recipe(replace(data, samples=[wrong, *data.samples[1:]]))
    assert inspect(recipe, None).suspected == ()
    lines = inspect(recipe, None, deep=True).suspected
    assert lines[0].startswith("labels that may be wrong: ") and "of 102 samples" in lines[0]
    assert lines[1].startswith("  dark/0.png: light, more likely dark (")


def test_a_baseline_that_is_better_is_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    recipe = toy_recipe(gray_pictures(60), network=Stubborn, demands=Demands(forced=True))
    train_classifier(recipe, None, tmp_path)
    assert "is more accurate on the test split: 100.00 % against" in capsys.readouterr().err


def test_labels_that_cannot_be_in_every_part_are_said_and_stand_in_the_card(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    recipe = toy_recipe(uneven(few=4), demands=Demands(forced=True))
    bundle = published(train_classifier(recipe, None, tmp_path))
    said = "the part that calibrates has no sample of 'light'"
    assert said in capsys.readouterr().err and said in bundle.files["README.md"].decode()


def test_a_second_version_keeps_the_samples_of_rare_labels_where_they_were(tmp_path: Path):
    more = uneven(few=40, many=120)
    kept = [s for i, s in enumerate(more.samples) if i < 80 or (s.label == "light" and i % 8 == 0)]
    data = replace(more, samples=kept)
    recipe = toy_recipe(data, lineage=OWN, demands=Demands(forced=True))
    first = published(train_classifier(recipe, None, tmp_path))
    before = split(data.samples, Shares())
    tested = {s.name for s in before.test if s.label == "light"}
    assert first.files[SPLIT].count(b'"test"') == 1 and len(tested) >= 1
    second = published(train_classifier(replace(recipe, load=lambda _: more), None, tmp_path))
    after = split(more.samples, Shares(pinned=before.pinned))
    assert second.manifest.provenance.splits["test"] == len(after.test)
    assert {s.name for s in before.test} <= {s.name for s in after.test}
    assert not {s.name for s in before.train} & {s.name for s in after.test}


def test_copies_that_the_encoder_cannot_tell_are_not_tested(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    data = gray_pictures(60)
    first = next(s for s in data.samples if s.label == "dark")
    pixels = np.asarray(Image.open(io.BytesIO(first.payload.data)))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    copy = Sample("copy.bmp", Payload(buffer.getvalue(), "image/bmp"), "dark", fixed=TEST)
    others = [replace(s, fixed=TEST if i % 4 == 1 else None) for i, s in enumerate(data.samples)]
    recipe = toy_recipe(replace(data, samples=[*others, copy]))
    bundle = published(train_classifier(recipe, None, tmp_path))
    assert bundle.manifest.provenance.splits["test"] == sum(s.fixed == TEST for s in others)
    assert "1 test sample(s) dropped" in capsys.readouterr().err


SURE = Schedule(epochs=6, batch_size=16, learning_rate=0.05)


@pytest.fixture(scope="module")
def promising(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a bundle that promises a precision of 95 %."""
    recipe = toy_recipe(
        gray_pictures(300),
        shares=Shares(validation=40),
        schedule=SURE,
        demands=Demands(target_precision=0.95),
    )
    folder = train_classifier(recipe, None, tmp_path_factory.mktemp("promising"))
    assert folder is not None
    return folder


def test_calibration_sets_the_threshold_of_confidence_anew(promising: Path, tmp_path: Path):
    for picture in gray_pictures(200, seed=5).samples:
        path = tmp_path / "data" / picture.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture.payload.data)
    old = published(promising)
    new = published(publish_calibrated(old, tmp_path / "data", tmp_path / "models"))
    rules = [b.manifest.confidence for b in (old, new)]
    assert rules[0] is not None and rules[1] is not None
    assert rules[1].precision == rules[0].precision
    assert rules[1].samples == new.manifest.conformal.samples != rules[0].samples
    names = {m.name for m in new.manifest.metrics}
    precision = "precision of the answers that reach the confidence"
    assert {precision, f"{precision}, as published"} <= names


def test_a_target_precision_is_promised_measured_and_served(promising: Path):
    bundle = published(promising)
    rule = bundle.manifest.confidence
    assert rule is not None and rule.precision == 0.95
    figures = {m.name: m.value for m in bundle.manifest.metrics}
    assert figures["precision of the answers that reach the confidence"] >= 0.95
    assert figures["share of answers that reach the confidence"] > 0.8
    answers = Pipeline(bundle).predict([s.payload for s in gray_pictures(20, seed=3).samples])
    for answer in answers:
        hesitant = answer.probability < np.float32(rule.threshold)
        assert hesitant == ("confidence" in answer.abstained_because)
    assert "95 % of the other answers are right" in bundle.files["README.md"].decode()


def test_a_precision_that_so_few_samples_cannot_show_is_refused_before_the_training(tmp_path: Path):
    def untrained(labels: int) -> nn.Module:
        raise AssertionError("it was trained")

    recipe = toy_recipe(gray_pictures(60), network=untrained, demands=Demands(0.99))
    with pytest.raises(BadData, match=r"takes 230 calibration samples, .* there are \d"):
        train_classifier(recipe, None, tmp_path)


def test_a_precision_that_is_missed_is_refused_or_forced(tmp_path: Path):
    dark = gray_pictures(300)
    rng = np.random.default_rng(0)
    noise = [
        replace(s, label=("dark", "light")[int(rng.random() < 0.5)] if i % 3 == 0 else s.label)
        for i, s in enumerate(dark.samples)
    ]
    recipe = toy_recipe(replace(dark, samples=noise), shares=Shares(validation=40), schedule=SURE)
    wanted = replace(recipe, demands=Demands(0.95))
    with pytest.raises(TrainingError, match="a precision of 95 % cannot be promised"):
        train_classifier(wanted, None, tmp_path)
    forced = replace(recipe, demands=Demands(0.95, forced=True))
    bundle = published(train_classifier(forced, None, tmp_path))
    assert bundle.manifest.confidence is None
    assert "cannot be promised" in bundle.files["README.md"].decode()


def drawn(kind: str, number: int) -> bytes:
    """A noisy PNG of a circle or a square."""
    rng = np.random.default_rng(sum(map(ord, kind)) * 1000 + number)
    image = Image.new("RGB", (32, 32), tuple(int(v) for v in rng.integers(0, 60, 3)))
    draw: Callable = {
        "circle": ImageDraw.Draw(image).ellipse,
        "square": ImageDraw.Draw(image).rectangle,
    }[kind]
    x, y = (int(v) for v in rng.integers(4, 14, 2))
    draw([x, y, x + 14, y + 14], fill=tuple(int(v) for v in rng.integers(150, 255, 3)))
    noisy = np.asarray(image).astype(int) + rng.normal(0, 60, (32, 32, 3))
    return png(noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.training
def test_twenty_squares_among_circles_are_recognized_or_the_model_is_refused(tmp_path: Path):
    for kind, count in (("circle", 380), ("square", 20)):
        folder = tmp_path / "shapes" / kind
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number}.png").write_bytes(drawn(kind, number))
    recipe = auto_recipe(tmp_path / "shapes", None)
    schedule = replace(recipe.schedule, epochs=12)
    try:
        folder = train_classifier(replace(recipe, schedule=schedule), None, tmp_path / "models")
    except TrainingError as refused:
        assert "not published" in str(refused)
        return
    fresh = [Payload(drawn("square", 1000 + i), "image/png") for i in range(100)]
    answers = Pipeline(published(folder)).predict(fresh)
    assert sum(answer.label == "square" for answer in answers) >= 90

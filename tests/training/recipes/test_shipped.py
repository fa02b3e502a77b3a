"""Every shipped recipe, its real code path, on tiny data in its authors' layout."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from app.bundle import read_bundle
from app.modalities import Payload, encoder_for
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.packages import write_prose, write_zip
from tests.training.samples import write_corpus, write_mnist, write_recordings, write_treebank
from training.data.dataset import Dataset, Sample
from training.data.encode import encode
from training.data.split import Shares
from training.datasets import imagenet, listops
from training.datasets.package_photos import cuts, photos
from training.datasets.spamassassin import ARCHIVES
from training.measuring.evaluate import logits_of
from training.recipes import RECIPES, Pretrained, Recipe, sentiment
from training.runs.classifier import train_classifier
from training.runs.pretrained import export_pretrained

pytestmark = pytest.mark.training

MAILS = {s.file: s.file.removesuffix(".tar.bz2")[9:] for s in ARCHIVES}
WRITE: dict[str, Callable[[Path], Path | None]] = {
    "digits": lambda folder: write_mnist(folder, train=12, test=3),
    "spam": lambda folder: write_corpus(folder, 24, MAILS),
    "spoken-digits": lambda folder: write_recordings(folder, ("anna", "ben", "chloe"), each=8),
    "listops": lambda _: None,
    "sentiment": lambda folder: write_treebank(write_prose(folder), train=120, dev=40),
}
HELD_OUT = Shares(validation=40, test=0)  # of few sentences enough to set thresholds by
FEW_TREES = {"train": 200, "validation": 50, "test": 50}
ASIDE = ("sentences of news", "sentences of a program's documentation")  # not shown to sentiment
LABELS = {
    "digits": tuple("0123456789"),
    "spam": ("ham", "spam"),
    "spoken-digits": tuple("0123456789"),
    "listops": tuple("0123456789"),
    "sentiment": ("very negative", "negative", "neutral", "positive", "very positive"),
}


def few_steps(name: str) -> Recipe:
    recipe = RECIPES[name]
    assert isinstance(recipe, Recipe)
    if name == "listops":
        recipe = replace(recipe, load=partial(listops.load, counts=FEW_TREES))
    if name == "sentiment":
        recipe = replace(recipe, shares=HELD_OUT)
    return replace(recipe, golden=None, schedule=replace(recipe.schedule, epochs=2))


@pytest.fixture(scope="module", autouse=True)
def little_to_do() -> Iterator[None]:
    """What takes most of the time otherwise: words to encode, cells of pictures to fill."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(sentiment, "KNOWN", 200)
        monkeypatch.setattr(import_module("training.measuring.faithfulness"), "MIN_REMOVALS", 30)
        yield


@dataclass(frozen=True)
class Shipped:
    """A recipe, its data, and the bundle that a few steps made of them."""

    name: str
    data: Path | None
    folder: Path


@pytest.fixture(scope="module", params=WRITE)
def shipped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shipped:
    """Train once for the tests of one recipe, which stand next to each other."""
    name, root = request.param, tmp_path_factory.mktemp(request.param)
    (root / "data").mkdir()
    data = WRITE[name](root / "data")
    return Shipped(name, data, train_classifier(few_steps(name), data, root / "models"))


def test_a_few_steps_make_a_bundle_that_the_service_accepts(shipped: Shipped):
    name, folder = shipped.name, shipped.folder
    assert folder.parts[-3:] == ("models", name, "1")
    bundle = read_bundle(folder, SHIPPED)
    assert bundle.manifest.labels == LABELS[name]
    assert replay(bundle, Pipeline(bundle)) == []
    figures = {m.name for m in bundle.manifest.metrics}
    assert {"accuracy", "expected calibration error"} <= figures
    assert ("accuracy of the baseline" in figures) == (name != "sentiment")
    assert ("accuracy, leave one speaker out, mean" in figures) == (name == "spoken-digits")
    if name == "sentiment":
        assert bundle.manifest.novelty is not None
        assert bundle.manifest.novelty.method == "outlier-exposure"
        unlike = {m.split for m in bundle.manifest.metrics if m.name == "AUROC of the novelty"}
        assert unlike == {f"test against {kind}" for kind in ASIDE}
    card = (folder / "README.md").read_text()
    assert f"`thalamus-train train {name}`" in card and "![Learning curve]" in card


def test_trained_again_without_comparisons_it_is_the_same_graph(shipped: Shipped, tmp_path: Path):
    recipe = replace(few_steps(shipped.name), baseline=None, leave_one_out=None, figures=None)
    again = train_classifier(recipe, shipped.data, tmp_path)
    assert (again / "model.onnx").read_bytes() == (shipped.folder / "model.onnx").read_bytes()


def write_photos(path: Path, synsets: Sequence[str]) -> Path:
    """The archive of ImageNet's photos, with cuts of packages' photos in their place."""
    sources = [photo for half in photos() for photo in half]
    found = cuts(sources, -(-len(synsets) // len(sources)), seed=0)
    named = zip(synsets, found, strict=False)
    return write_zip(path, {f"{synset}_a-thing.JPEG": photo.data for synset, photo in named})


@pytest.mark.long
def test_the_pretrained_network_is_exported_whole(tmp_path: Path):
    recipe = RECIPES["imagenet"]
    assert isinstance(recipe, Pretrained)
    alone = replace(recipe, in_distribution=None, calibration_set=None, held_out=None)
    bundle = read_bundle(export_pretrained(alone, tmp_path), SHIPPED)
    assert len(set(bundle.manifest.labels)) == 1000
    assert replay(bundle, Pipeline(bundle)) == []
    assert (bundle.manifest.novelty, bundle.manifest.conformal) == (None, None)
    assert "`thalamus-train calibrate imagenet --data FOLDER`" in bundle.files["README.md"].decode()
    for trace in (b"/work", b"site-packages"):
        assert trace not in bundle.model


@pytest.mark.long
def test_imagenet_gets_a_novelty_score_from_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recipe, synsets = RECIPES["imagenet"], [f"n{number:08d}" for number in range(120)]
    assert isinstance(recipe, Pretrained)
    monkeypatch.setattr(import_module("training.outliers.pictures"), "IMAGES_PER_KIND", 50)
    known = dict(zip(synsets, recipe.labels(), strict=False))
    archive = write_photos(tmp_path / "photos.zip", synsets)
    few = replace(
        recipe,
        in_distribution=lambda: imagenet.load(known, archive),
        train_outliers=("pages of words", "plain colours"),
        calibration_set=lambda: labelled_by(cuts([*photos()[0], *photos()[1]], 25, seed=3), recipe),
        held_out=lambda: replace(
            labelled_by(cuts(photos()[0], 8, seed=4), recipe), name="more cuts"
        ),
    )
    bundle = read_bundle(export_pretrained(few, tmp_path / "models"), SHIPPED)
    assert replay(bundle, Pipeline(bundle)) == []
    score = bundle.manifest.novelty
    assert score is not None and score.method == "outlier-exposure"
    figures = {(m.name, m.split): m.value for m in bundle.manifest.metrics}
    assert figures["AUROC of the novelty", "test against noise"] > 0.9  # not shown
    name, where = "accuracy on pictures that it may have learnt", "a thousand photos of ImageNet"
    assert figures[name, where] == figures[f"{name}, in torch", where]
    assert 0 <= figures["share of answers abstained", "photos"] < 0.5
    sets = bundle.manifest.conformal
    assert sets is not None and bundle.manifest.temperature < 1  # it is always right here
    for cuts_of in ("cuts", "more cuts"):
        assert figures["accuracy", cuts_of] == figures["accuracy in torch", cuts_of] == 1
    assert 0.8 < figures["coverage of the 95 % label set", "cuts"] <= 1
    assert "with labels that the weights" not in bundle.files["README.md"].decode()


def labelled_by(pictures: Sequence[Payload], recipe: Pretrained) -> Dataset:
    """Pictures with the labels that the network predicts."""
    labels, samples = recipe.labels(), [Sample(f"{n}", p, "") for n, p in enumerate(pictures)]
    unlabelled = [replace(sample, label=labels[0]) for sample in samples]
    encoder = encoder_for(recipe.encoder, {})
    examples, _ = encode(encoder, unlabelled, labels, recipe.encoder.tensors())
    predicted = logits_of(recipe.network(), examples).argmax(1)
    labelled = [replace(s, label=labels[i]) for s, i in zip(samples, predicted, strict=True)]
    return Dataset("cuts", "here", "none", labelled)

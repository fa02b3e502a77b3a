"""From the command to the answer, starting from a trained network."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.bundle import EncoderSpec, read_bundle
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.tasks.classify import ClassifyOptions
from tests.training.conftest import REPOSITORY
from tests.training.recipes.test_auto import SHAPES, images, sounds, texts
from tests.training.samples import gray_pictures, sentence, shape, toy_recipe
from training.cli import main
from training.data.dataset import Sample
from training.errors import BadData, TrainingError
from training.measuring import faithfulness
from training.recipes import Lineage
from training.transfer import apply_source, apply_start, resolve_network

MODELS = REPOSITORY / "models"


def small_images(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    return ImageSpec(height=28, width=28, channels=1, fit="pad"), {}


def test_scratch_leaves_the_recipe_alone():
    recipe = toy_recipe(gray_pictures())
    assert apply_start(recipe, None, "scratch", None, MODELS) is recipe
    with pytest.raises(TrainingError, match="--from names what --start"):
        apply_start(recipe, None, "scratch", "digits", MODELS)


def test_the_encoder_is_that_of_the_source():
    source = resolve_network("digits", "image", MODELS)
    recipe = apply_source(toy_recipe(gray_pictures()), gray_pictures(), "features", source)
    assert recipe.prepare([]) == (source.encoder, {})
    assert recipe.lineage == Lineage(start="features", source="digits/1")


def test_a_source_for_other_files_is_refused():
    source = resolve_network("spoken-digits", "image", MODELS)
    with pytest.raises(
        BadData, match="spoken-digits/1 reads sounds, but gray pictures holds image"
    ):
        apply_source(toy_recipe(gray_pictures()), gray_pictures(), "pretrained", source)


@pytest.fixture
def few_removals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare maps with tens of random removals, not hundreds: a third of a run with pictures."""
    monkeypatch.setattr(faithfulness, "MIN_REMOVALS", 30)


@pytest.mark.training
@pytest.mark.usefixtures("few_removals")
@pytest.mark.parametrize("start", ["pretrained", "features"])
def test_pictures_start_from_the_packages_network(start: str, tmp_path: Path):
    models = tmp_path / "models"
    command = ["run", "--data", images(tmp_path, 20), "--start", start, "--models", models]
    command += ["--epochs", "4"] if start == "pretrained" else []  # of one cycle: two are all haste
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "my-shapes" / "1", SHIPPED)
    origin = bundle.manifest.provenance
    assert (origin.recipe, origin.data_path) == ("auto", "my shapes")
    assert (origin.start, origin.source) == (start, "imagenet")
    made_by = re.search(r"\| made by \| `(.*?)` \|", bundle.files["README.md"].decode())
    assert made_by and made_by[1].startswith("thalamus-train train --data ")
    assert made_by[1].endswith(f"--start {start} --from imagenet")
    encoder = resolve_network("imagenet", "image", MODELS).encoder
    smaller = {"height": 96, "width": 96}  # the pictures have 48 pixels a side
    assert bundle.manifest.encoder == encoder.model_copy(update=smaller)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    rng = np.random.default_rng(9)
    answers = pipeline.predict(
        [Payload(shape(k, rng), "image/png") for k in SHAPES * 4], ClassifyOptions()
    )
    labels = dict(zip(SHAPES, ("a round thing", "été | нет", "$x_1$"), strict=True))
    right = sum(a.label == labels[k] for a, k in zip(answers, SHAPES * 4, strict=True))
    assert right >= 6  # of 12, where chance gives 4


@pytest.mark.training
def test_sounds_start_from_a_bundle_and_a_bundle_of_that_from_it(tmp_path: Path):
    models, data = tmp_path / "models", sounds(tmp_path, 12)
    for source, name in ((MODELS / "spoken-digits", "first"),):
        command = ["run", "--data", data, "--start", "pretrained", "--from", source]
        command += ["--models", models, "--name", name, "--epochs", "4"]
        assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "first" / "1", SHIPPED)
    assert bundle.manifest.labels == ("chirp", "noise", "tone")
    assert replay(bundle, Pipeline(bundle)) == []
    with pytest.raises(TrainingError, match="its network is that of spoken-digits/1; name that"):
        resolve_network("first", "audio", models)


@pytest.mark.training
def test_texts_start_from_the_packages_network(tmp_path: Path):
    models = tmp_path / "models"
    command = ["run", "--data", texts(tmp_path, 12), "--start", "features", "--models", models]
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "mails" / "1", SHIPPED)
    origin = bundle.manifest.provenance
    assert (origin.data_path, origin.start, origin.source) == ("Mails.csv", "features", "minilm")
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    rng = np.random.default_rng(7)
    fresh = [Payload(sentence(k, rng).encode(), "text/plain") for k in ("ham", "spam") * 3]
    assert [a.label for a in pipeline.predict(fresh)] == ["0", "1"] * 3


@pytest.mark.training
@pytest.mark.parametrize("start", ["pretrained", "features"])
def test_texts_start_from_a_bundle_of_trees(start: str, tmp_path: Path):
    models, data = tmp_path / "models", texts(tmp_path, 12)
    command = ["run", "--data", data, "--start", start, "--from", MODELS / "sentiment"]
    command += ["--models", models, "--checkpoints", tmp_path / "checkpoints"]
    command += ["--epochs", "1"] if start == "pretrained" else []
    assert main([str(word) for word in command]) == 0
    bundle, source = (
        read_bundle(f / "1", SHIPPED) for f in (models / "mails", MODELS / "sentiment")
    )
    assert bundle.manifest.encoder == source.manifest.encoder
    assert bundle.files["vocabulary.txt"] == source.files["vocabulary.txt"]
    assert len(bundle.model) < 1.01 * len(source.model)  # its weights are in float16 again
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    if start == "features":
        rng = np.random.default_rng(7)
        fresh = [Payload(sentence(k, rng).encode(), "text/plain") for k in ("ham", "spam") * 3]
        assert [a.label for a in pipeline.predict(fresh)] == ["0", "1"] * 3

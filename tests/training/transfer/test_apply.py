"""From the command to the answer, starting from a trained network."""

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
from training.transfer import begin, find, started

MODELS = REPOSITORY / "models"


def small_images(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    return ImageSpec(height=28, width=28, channels=1, fit="pad"), {}


def test_scratch_leaves_the_recipe_alone():
    recipe = toy_recipe(gray_pictures())
    assert started(recipe, None, "scratch", None, MODELS) is recipe
    with pytest.raises(TrainingError, match="--from names what --start"):
        started(recipe, None, "scratch", "digits", MODELS)


def test_the_encoder_is_that_of_the_source():
    source = find("digits", "image", MODELS)
    recipe = begin(toy_recipe(gray_pictures()), gray_pictures(), "features", source)
    assert recipe.prepare([]) == (source.encoder, {})
    assert recipe.made_by == "toy --start features --from digits/1"


def test_a_source_for_other_files_is_refused():
    source = find("spoken-digits", "image", MODELS)
    with pytest.raises(
        BadData, match="spoken-digits/1 reads sounds, but gray pictures holds image"
    ):
        begin(toy_recipe(gray_pictures()), gray_pictures(), "pretrained", source)


@pytest.mark.training
@pytest.mark.parametrize("start", ["pretrained", "features"])
def test_pictures_start_from_the_packages_network(start: str, tmp_path: Path):
    models = tmp_path / "models"
    command = ["run", "--data", images(tmp_path, 20), "--start", start, "--models", models]
    command += ["--epochs", "4"] if start == "pretrained" else []  # of one cycle: two are all haste
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "my-shapes" / "1", SHIPPED)
    made_by = f"--data my shapes --start {start} --from imagenet"
    assert bundle.manifest.provenance.recipe == made_by
    assert bundle.manifest.encoder == find("imagenet", "image", MODELS).encoder
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
        find("first", "audio", models)


@pytest.mark.training
def test_texts_start_from_the_packages_network(tmp_path: Path):
    models = tmp_path / "models"
    command = ["run", "--data", texts(tmp_path, 12), "--start", "features", "--models", models]
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "mails" / "1", SHIPPED)
    assert bundle.manifest.provenance.recipe == "--data Mails.csv --start features --from minilm"
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

"""Every modality of the trainer: it names what is there, and its pieces fit its encoder."""

import numpy as np
import pytest
import torch

from app.modalities import MODALITIES, Payload
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.registry import SHIPPED
from tests.training.samples import png, sound
from training.data.dataset import Sample
from training.modalities import TRAINING_MODALITIES, TrainingModality, registry_of
from training.modalities.audio import silence, sound_window
from training.modalities.image import inpaint
from training.modalities.modality import default_schedule
from training.modalities.text import drop_tokens
from training.modalities.tree import forget_words
from training.recipes import RECIPES
from training.transfer import PACKAGES

RNG = np.random.default_rng(0)
PAYLOADS = {
    "image": Payload(png(RNG.integers(0, 256, (9, 7, 3)).astype(np.uint8)), "image/png"),
    "audio": Payload(sound("tone", RNG), "audio/wav"),
    "text": Payload(b"a few words of a text", "text/plain"),
}
TRAINABLE = [modality for modality in TRAINING_MODALITIES.values() if modality.recipe is not None]


def named(modality: TrainingModality) -> str:
    return modality.name


def test_each_mirrors_a_modality_of_the_service() -> None:
    assert {name: m.served for name, m in TRAINING_MODALITIES.items()} == MODALITIES
    assert registry_of(TRAINING_MODALITIES) == SHIPPED


def test_no_suffix_belongs_to_two() -> None:
    suffixes = [suffix for m in TRAINING_MODALITIES.values() for suffix in m.media_types]
    assert len(suffixes) == len(set(suffixes)) > 50


@pytest.mark.parametrize("modality", TRAINABLE, ids=named)
def test_the_default_network_reads_what_the_default_encoder_writes(
    modality: TrainingModality,
) -> None:
    payload = PAYLOADS[modality.name]
    assert modality.recipe is not None
    spec, files = modality.recipe.prepare([Sample(str(i), payload, "a") for i in range(2)])
    assert spec.kind == modality.name
    arrays = modality.encoder(spec, files).encode(payload).arrays
    batch = [torch.from_numpy(np.stack([arrays[tensor.name]] * 2)) for tensor in spec.tensors()]
    network = modality.recipe.network(3).eval()
    with torch.no_grad():
        assert network(*batch).shape == (2, 3)
    if modality.recipe.augment is not None:
        generator = torch.Generator().manual_seed(0)
        assert modality.recipe.augment(batch[0], generator).shape == batch[0].shape


@pytest.mark.parametrize("modality", TRAINABLE, ids=named)
def test_the_default_source_is_there(modality: TrainingModality) -> None:
    assert modality.default_source in {*PACKAGES, *RECIPES}


@pytest.mark.parametrize(
    ("samples", "epochs", "batch"), [(40, 80, 32), (1_000, 48, 32), (10_000, 9, 64)]
)
def test_a_small_data_set_gets_more_epochs(samples: int, epochs: int, batch: int) -> None:
    schedule = default_schedule(samples)
    assert (schedule.epochs, schedule.batch_size) == (epochs, batch)


def test_inpainting_changes_the_removed_cells_alone() -> None:
    image = RNG.integers(0, 256, (8, 8, 1)).astype(np.uint8)
    cells = np.array([[True, False], [False, False]])
    changed = (inpaint({"image": image}, cells)["image"] != image)[..., 0]
    assert changed[:4, :4].any() and not changed[4:].any() and not changed[:, 4:].any()


def test_silence_takes_the_band_and_leaves_the_rest() -> None:
    time = np.arange(8000) / 8000
    low, high = (4000 * np.sin(2 * np.pi * hertz * time) for hertz in (200, 3000))
    pcm = (low + high).astype(np.int16)
    cells = np.array([[False], [True]])  # of the bands 60..1000 and 1000..3900 Hz
    left = silence({"pcm": pcm}, cells, (60, 1000, 3900), 8000)["pcm"]
    assert left.dtype == np.int16 and left.shape == pcm.shape
    assert np.abs(left[500:-500] - low[500:-500]).mean() < 100


def test_dropped_tokens_shorten_a_text() -> None:
    item = {"tokens": np.array([5, 6, 7]), "length": np.asarray(3)}
    left = drop_tokens(item, np.array([False, True, False]))
    assert left["tokens"].tolist() == [5, 7] and left["length"] == 2


def test_forgotten_words_leave_the_tree_as_it_is() -> None:
    tree = {"tokens": np.array([5, 6]), "left": np.array([0])}
    left = forget_words(tree, np.array([True, False]))
    assert left["tokens"].tolist() == [0, 6] and left["left"] is tree["left"]


def test_a_window_is_fitted_to_the_training_sounds() -> None:
    samples = [Sample("a", PAYLOADS["audio"], "a")]
    audio, image = TRAINING_MODALITIES["audio"], TRAINING_MODALITIES["image"]
    longest = AudioSpec(rate=8000, samples=80_000)
    assert audio.fit_size(longest, samples) == sound_window(samples, 8000, 10.0) != longest
    spec = ImageSpec(height=224, width=224)
    picture = [Sample("a", PAYLOADS["image"], "a")]
    assert image.fit_size(spec, picture) == ImageSpec(height=96, width=96)
    assert image.fit_size(ImageSpec(height=8, width=8), picture).height == 8

"""The recipe for the user's own labelled files: a default network for each modality."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from app.bundle import EncoderSpec
from app.bundle.upgrade import OWN_DATA
from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.audio.encoder import duration
from app.modalities.audio.spec import AudioSpec
from app.modalities.charset import decode_text
from app.modalities.image.spec import ImageSpec
from app.modalities.text.plain_text import plain_text
from app.modalities.text.spec import TextSpec
from training.augmentation.audio import augment_audio
from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.data import labelled
from training.data.dataset import Sample
from training.data.tokenizers import train_tokenizer
from training.errors import BadData
from training.fitting.fit import Augment, Schedule
from training.networks.audio.spectrogram import SpectrogramNet
from training.networks.convolutional.classifier import ConvNet
from training.networks.recurrent.classifier import TextRecurrentNet
from training.recipes.recipe import Lineage, Prepare, Recipe

IMAGE_SIZE = 64  # pixels a side
_VOCABULARY_SIZE, TOKENS = 16_000, 256
_TRAINING_STEPS = 1_500  # of training: a small data set needs many epochs, a large one few
_RATE = 16_000  # Hz; keeps the frequencies by which most sounds differ
MAX_SOUND_SECONDS = 10.0  # seconds of sound that the network reads, at most


def auto_recipe(data: Path, name: str | None) -> Recipe:
    """Return the recipe for the samples at `data`; raise `BadData` when they are mixed."""
    dataset = labelled.load(data)
    kind = labelled.modality(dataset)
    prepare, network, augmentation = _DEFAULTS[kind]
    batch = 32 if len(dataset.samples) < 2_000 else 64
    epochs = int(np.clip(_TRAINING_STEPS * batch / max(len(dataset.samples), 1), 8, 80))
    return Recipe(
        name=_slug(name or data.resolve().stem),
        description=f"Tells {len(dataset.counts())} labels apart, trained on {data.name}.",
        load=lambda _: dataset,
        prepare=prepare,
        network=network,
        augment=augmentation,
        schedule=Schedule(
            epochs, batch, learning_rate=2e-3, label_smoothing=0.05, patience=max(8, epochs // 3)
        ),
        licence="that of the data",
        lineage=Lineage(recipe=OWN_DATA, data_path=data.name),
    )


def default_network(kind: str) -> Callable[[int], nn.Module]:
    """Return the constructor of the default network of a modality, from the number of labels."""
    return _DEFAULTS[kind][1]


def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
    if not slug:
        raise BadData(f"{text!r} makes no model name; give one with --name")
    return slug


_augment_audio = partial(augment_audio, rate=_RATE)
_augment_images = partial(augment_images, strength=PICTURE_STRENGTH)


def prepare_images(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    """Return an encoder that pads the whole picture to `IMAGE_SIZE` pixels a side."""
    return ImageSpec(height=IMAGE_SIZE, width=IMAGE_SIZE, fit="pad", resample="bilinear"), {}


def sound_window(train: Sequence[Sample], rate: int, longest: float) -> AudioSpec:
    """Return an encoder whose window holds 95 of 100 training sounds whole, up to `longest` s."""
    lengths = []
    for sample in train:
        try:
            lengths.append(duration(sample.payload.data))
        except InvalidInput:
            continue  # `encode` names it
    seconds = float(np.percentile(lengths, 95)) if lengths else 1.0
    return AudioSpec(rate=rate, samples=round(min(max(seconds, 0.5), longest) * rate))


def _sounds(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    return sound_window(train, _RATE, MAX_SOUND_SECONDS), {}


def _texts(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    texts = [plain_text(text) for sample in train if (text := _text(sample.payload))]
    spec = TextSpec(max_tokens=TOKENS)
    return spec, {spec.tokenizer: train_tokenizer(texts, _VOCABULARY_SIZE)}


def _text(payload: Payload) -> str:
    try:
        return decode_text(payload)
    except InvalidInput:
        return ""


_DEFAULTS: dict[str, tuple[Prepare, Callable[[int], nn.Module], Augment | None]] = {
    "image": (prepare_images, lambda labels: ConvNet(3, labels), _augment_images),
    "audio": (_sounds, lambda labels: SpectrogramNet(classes=labels, rate=_RATE), _augment_audio),
    "text": (
        _texts,
        lambda labels: TextRecurrentNet(vocabulary=_VOCABULARY_SIZE, classes=labels),
        None,
    ),
}

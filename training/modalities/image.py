"""Images in training: a small convolutional network, warps, and inpainting of removed cells.

A network reads pictures at a size that fits the training files: small ones are not enlarged much.
"""

import io
from collections.abc import Sequence
from functools import partial

import numpy as np
from PIL import Image

from app.bundle import EncoderSpec, Manifest
from app.bundle.tensors import Arrays
from app.modalities.image import IMAGE
from app.modalities.image.spec import ImageSpec
from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.baselines.linear import PICTURE_BASELINE
from training.data.dataset import Sample
from training.data.fingerprints import PICTURE_SPEC, picture_fingerprint, picture_type
from training.exporting.card.inputs import InputCard
from training.exporting.card.maps import Shown, draw_images
from training.measuring.faithfulness import cell_indices
from training.measuring.imputation import impute
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.convolutional.classifier import ConvNet

IMAGE_SIZE = PICTURE_SPEC.height  # pixels a side, of the network that is trained from scratch
_SMALL_SIZE = 32  # for smaller pictures
_TRAINED_SIZES = (96, 128, 160, 192)  # below the size that a trained network reads
_HEADERS = 200  # training pictures whose size is looked up

_augment = partial(augment_images, strength=PICTURE_STRENGTH)


def prepare_images(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    """Return an encoder that pads the whole picture to `IMAGE_SIZE` pixels a side, or to half."""
    size = _SMALL_SIZE if _typical_side(train) <= _SMALL_SIZE else IMAGE_SIZE
    return PICTURE_SPEC.model_copy(update={"height": size, "width": size}), {}


def _typical_side(train: Sequence[Sample]) -> float:
    """Return the median of the pictures' longer sides in pixels, from some of their headers."""
    places = np.linspace(0, len(train) - 1, min(len(train), _HEADERS)).astype(int)
    sides = []
    for place in places.tolist():
        try:
            with Image.open(io.BytesIO(train[place].payload.data)) as picture:
                sides.append(max(picture.size))
        except OSError:
            continue  # `encode` names it
    return float(np.median(sides)) if sides else float(IMAGE_SIZE)


def _fit_size(spec: EncoderSpec, train: Sequence[Sample]) -> ImageSpec:
    """Return the encoder of a trained network for pictures that may be smaller than its own."""
    assert isinstance(spec, ImageSpec)
    side = _typical_side(train)
    size = next((size for size in _TRAINED_SIZES if size >= side), spec.height)
    smaller = min(size, spec.height)
    return spec.model_copy(update={"height": smaller, "width": smaller})


def inpaint(item: Arrays, cells: np.ndarray) -> Arrays:
    """Replace the pixels of `cells`, bool (rows, columns), by what surrounds them."""
    image = item["image"]  # (height, width, channels) uint8
    rows, columns = (cell_indices(image.shape[axis], cells.shape[axis]) for axis in (0, 1))
    return {"image": impute(image, cells[rows][:, columns])}


def _reads(spec: ImageSpec) -> str:
    size = f"{spec.width} × {spec.height} pixels {'in grey' if spec.channels == 1 else 'in colour'}"
    fit = {
        "crop": f"of which the middle is resized to {size}",
        "pad": f"resized to {size}, with a margin where its shape differs",
        "stretch": f"stretched to {size}",
    }[spec.fit]
    return f"an image (JPEG, PNG, WebP or another common format), {fit}"


def _draw(items: Sequence[Shown], manifest: Manifest) -> bytes | None:
    spec = manifest.encoder
    assert isinstance(spec, ImageSpec)
    pixels = (spec.layout, spec.dtype, spec.channel_order) == ("NHWC", "uint8", "RGB")
    return draw_images(items) if pixels else None


TRAINING_IMAGE = TrainingModality(
    served=IMAGE,
    noun="image",
    plural="pictures",
    media_types=media_types_of("image", {".webp": "image/webp"}),
    recognise=picture_type,
    fingerprint=picture_fingerprint,
    recipe=DefaultRecipe(prepare_images, lambda labels: ConvNet(3, labels), _augment),
    augment=lambda _: _augment,
    fit_size=_fit_size,
    default_source="imagenet",
    saliency_axes=("row", "column"),
    remover=lambda _spec, _bands: inpaint,
    card=InputCard(reads=_reads, draw=_draw, caption="Each image as the model reads it"),
    baseline=PICTURE_BASELINE,
)

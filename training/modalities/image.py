"""Images in training: a small convolutional network, warps, and inpainting of removed cells."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from app.bundle import EncoderSpec, Manifest
from app.bundle.tensors import Arrays
from app.modalities.image import IMAGE
from app.modalities.image.spec import ImageSpec
from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.data.dataset import Sample
from training.data.fingerprints import PICTURE_SPEC, picture_fingerprint, picture_type
from training.exporting.card.inputs import InputCard
from training.exporting.card.maps import Shown, draw_images
from training.measuring.faithfulness import cell_indices
from training.measuring.imputation import impute
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.convolutional.classifier import ConvNet

IMAGE_SIZE = PICTURE_SPEC.height  # pixels a side

_augment = partial(augment_images, strength=PICTURE_STRENGTH)


def prepare_images(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    """Return an encoder that pads the whole picture to `IMAGE_SIZE` pixels a side."""
    return PICTURE_SPEC, {}


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
    default_source="imagenet",
    saliency_axes=("row", "column"),
    remover=lambda _spec, _bands: inpaint,
    card=InputCard(reads=_reads, draw=_draw, caption="Each image as the model reads it"),
)

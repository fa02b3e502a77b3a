"""What an autoencoder makes of an item, and how unlike its training data the item is."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from app.errors import GoldenMismatch
from app.outputs.embedding import decode_embedding


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """An item as its network sees it.

    error: the squared distance to the reconstruction, in units that the network's card states.
    novelty: 0..1, at .5 the threshold that the card states. picture: uint8 (rows, columns,
    channels). embedding: the code that the reconstruction was made of.
    """

    error: float
    novelty: float
    picture: np.ndarray
    embedding: tuple[float, ...]


def decode_reconstruction(outputs: Mapping[str, np.ndarray]) -> Reconstruction:
    """Return the answer to one item, whose `reconstruction` is in levels of grey, 0..255.

    Raises `GoldenMismatch` unless all are numbers.
    """
    error, novelty = float(outputs["reconstruction_error"]), float(outputs["novelty"])
    levels = outputs["reconstruction"]
    if not (np.isfinite(levels).all() and np.isfinite(error) and 0 <= novelty <= 1):
        raise GoldenMismatch("the graph gives a reconstruction that is none")
    picture = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return Reconstruction(error, novelty, picture, decode_embedding(outputs))


def png(picture: np.ndarray) -> bytes:
    """Return the PNG file of uint8 (rows, columns, 1 or 3)."""
    file = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(file, "PNG")
    return file.getvalue()

"""The explanation of an image's label: how much each part of the image contributed."""

from typing import Any

from app.bundle import Manifest
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities.payload import Encoded
from app.modalities.saliency import SaliencyMap, weights_of


def explain_image(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> SaliencyMap | None:
    """Return the map of an image, from its `saliency`, float32 (rows, columns)."""
    if SALIENCY not in outputs:
        return None
    return SaliencyMap(weights=weights_of(outputs[SALIENCY]).tolist())

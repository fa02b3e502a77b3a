"""The explanation of an image's label: how much each part of the image contributed."""

from typing import Any

from app.bundle import Manifest
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities.image.resize import seen_part
from app.modalities.image.spec import ImageSpec
from app.modalities.payload import Encoded
from app.modalities.saliency import DECIMALS, SaliencyMap, weights_of


def explain_image(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> SaliencyMap | None:
    """Return the map of an image, from its `saliency`, float32 (rows, columns)."""
    if SALIENCY not in outputs:
        return None
    weights = weights_of(outputs[SALIENCY]).tolist()
    if not isinstance(manifest.encoder, ImageSpec) or encoded.context is None:
        return SaliencyMap(weights=weights)
    height, width = encoded.context
    edges = seen_part(height, width, manifest.encoder)
    left, top, right, bottom = (round(edge, DECIMALS) for edge in edges)
    return SaliencyMap(weights=weights, box=(left, top, right, bottom))

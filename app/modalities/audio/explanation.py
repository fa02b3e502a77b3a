"""The explanation of a sound's label: how much each time and frequency contributed."""

from dataclasses import dataclass
from typing import Any

from app.bundle import Manifest
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities.payload import Encoded
from app.modalities.saliency import DECIMALS, SaliencyMap, weights_of


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a sound that the model received, in seconds of the sound that was sent.

    start: negative if silence was added before the sound.
    """

    start: float
    duration: float


def explain_sound(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> SaliencyMap | None:
    """Return the map of a sound, from its `saliency`, float32 (bands, frames)."""
    if SALIENCY not in outputs or not isinstance(encoded.context, Window):
        return None
    saliency, window = outputs[SALIENCY], encoded.context
    frames = saliency.shape[1]
    step = window.duration / frames
    weights = weights_of(saliency).tolist()
    seconds = [round(window.start + step * i, DECIMALS) for i in range(frames + 1)]
    if not manifest.bands:  # a member that is not set is left out
        return SaliencyMap(weights=weights, seconds=seconds)
    return SaliencyMap(weights=weights, seconds=seconds, hertz=list(manifest.bands))

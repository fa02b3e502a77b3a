"""What of an input spoke for the winning label, from one item's `saliency`: weights of 0 to 1.

The weights are shares of the item's highest; where nothing spoke for the label, all are 0.
Recursive networks explain by `app.outputs.phrases` instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_DIGITS = 4  # of a weight


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text as the model reads it, and where it stands in the text that was sent.

    start, end: characters from 0, end excluded; None where the piece is not in that text.
    """

    text: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a text and its weight."""

    piece: Piece
    weight: float


@dataclass(frozen=True, slots=True)
class HeatMap:
    """A weight for every cell of an even grid over what the model was shown.

    weights: rows from the top and their columns from the left; of sounds, bands from the lowest
    and their frames from the first. hertz, seconds: of sounds, the edges of the bands and of the
    frames, one more than there are; seconds count from the beginning of the sound that was sent.
    """

    weights: tuple[tuple[float, ...], ...]
    hertz: tuple[float, ...] | None = None
    seconds: tuple[float, ...] | None = None


def weigh_tokens(pieces: Sequence[Piece], saliency: np.ndarray) -> tuple[Token, ...]:
    """Return the pieces with their weights. saliency: float32 (time,), padding after the pieces."""
    weights = _weights(saliency[: len(pieces)])
    return tuple(Token(*pair) for pair in zip(pieces, weights.tolist(), strict=True))


def map_picture(saliency: np.ndarray) -> HeatMap:
    """Return the map of a picture. saliency: float32 (rows, columns)."""
    return HeatMap(tuple(tuple(row) for row in _weights(saliency).tolist()))


def map_sound(
    saliency: np.ndarray, hertz: Sequence[float], start: float, duration: float
) -> HeatMap:
    """Return the map of a sound. saliency: float32 (bands, frames).

    hertz: the edges of the bands. start, duration: what was heard of the sound, in seconds.
    """
    weights = tuple(tuple(row) for row in _weights(saliency).tolist())
    frames = saliency.shape[1]
    seconds = tuple(round(start + duration * i / frames, _DIGITS) for i in range(frames + 1))
    return HeatMap(weights, tuple(hertz) or None, seconds)


def _weights(saliency: np.ndarray) -> np.ndarray:
    highest = saliency.max(initial=0.0)
    scaled = saliency / highest if highest > 0 else np.zeros_like(saliency)
    return np.round(scaled.astype(np.float64), _DIGITS)

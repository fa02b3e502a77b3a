"""One item's output `saliency` → weights from 0 to 1, relative to the item's highest value.

All weights are 0 if nothing contributed to the label. The explanation of an image or a sound is a
map of weights.
"""

import numpy as np
from pydantic import Field

from app.errors import ModelOutputInvalid
from app.wire import Wire

DECIMALS = 4  # of a weight, an edge in seconds and an edge of a box


class SaliencyMap(Wire):
    """The contribution of each cell of an even grid over the model's input to the label, 0 to 1.

    `weights` are rows from the top, each from the left. For sounds they are bands from the lowest,
    each from the first frame; `hertz` and `seconds` are the edges of the bands and the frames.
    Seconds count from the start of the sound that was sent. `box` is the part of the upright
    picture that the grid covers: left, top, right and bottom as fractions of its width and height,
    below 0 and above 1 where the model's input has a margin.
    """

    weights: list[list[float]]
    hertz: list[float] | None = Field(default=None)
    seconds: list[float] | None = Field(default=None)
    box: tuple[float, float, float, float] | None = Field(default=None)


def weights_of(saliency: np.ndarray) -> np.ndarray:
    """Return the weights, float64, of a `saliency` of the same shape, float32, 0 or more.

    Raises `ModelOutputInvalid` unless all are finite.
    """
    if not np.isfinite(saliency).all():
        raise ModelOutputInvalid("the graph gives an explanation that is not numbers")
    highest = saliency.max(initial=0.0)
    scaled = saliency / highest if highest > 0 else np.zeros_like(saliency)
    return np.round(scaled.astype(np.float64), DECIMALS)

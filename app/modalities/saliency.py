"""From one item's `saliency` to weights of 0 to 1: shares of the item's highest.

Where nothing spoke for the winning label, all weights are 0. Images and sounds are explained by
a map of them.
"""

import numpy as np
from pydantic import Field

from app.wire import Wire

DECIMALS = 4  # of a weight, and of an edge in seconds


class SaliencyMap(Wire):
    """How much each cell of an even grid over what the model was shown spoke for the label, 0 to 1.

    `weights` are rows from the top, each from the left. Of sounds they are bands from the lowest,
    each from the first frame; `hertz` and `seconds` are the edges of bands and frames, one more
    than there are. Seconds count from the beginning of the sound that was sent. A model that
    crops a picture is shown the crop, see its encoder under `GET /v1/models/{model}`.
    """

    weights: list[list[float]]
    hertz: list[float] | None = Field(default=None)
    seconds: list[float] | None = Field(default=None)


def weights_of(saliency: np.ndarray) -> np.ndarray:
    """Return the weights, float64 in the shape of the float32 `saliency`, which is 0 or more."""
    highest = saliency.max(initial=0.0)
    scaled = saliency / highest if highest > 0 else np.zeros_like(saliency)
    return np.round(scaled.astype(np.float64), DECIMALS)

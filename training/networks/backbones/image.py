"""Image and text backbones of the library `transformers`, which read the service's inputs.

The graph normalises pixels, and adds the tokens that open and close a text. The embedding of an
image is the mean of the last feature map, the first token, or the mean of the tokens, as the
architecture was trained; that of a text is the mean of its tokens' states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from training.networks.convolutional.classifier import activation_map
from training.networks.heads.model_output import ModelOutput, centred_label_weights

# How the last state of an architecture is pooled, by `model_type` in its config.json.
Pool = Literal["map", "first", "mean"]
PICTURE_POOLS: dict[str, Pool] = {
    "resnet": "map",
    "regnet": "map",
    "convnext": "map",
    "convnextv2": "map",
    "mobilenet_v2": "map",
    "efficientnet": "map",
    "vit": "first",
    "deit": "first",
}
TEXTS = ("bert",)


@dataclass(frozen=True, slots=True)
class Pixels:
    """How a backbone normalises pixels: (byte × scale − mean) / std."""

    scale: float
    mean: Sequence[float]
    std: Sequence[float]
    reverse: bool = False  # blue first


class PictureBackbone(nn.Module):
    """Images → a backbone of `PICTURE_POOLS` → one linear layer."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, pixels: Pixels, *, size: int, classes: int) -> None:
        super().__init__()
        self.model, self._pixels = model, pixels
        self._pool = PICTURE_POOLS[model.config.model_type]  # type: ignore[union-attr, index]
        self.register_buffer("mean", torch.tensor(pixels.mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(pixels.std).view(-1, 1, 1), persistent=False)
        self.head = nn.Linear(size, classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, classes) of uint8 images (batch, height, width, 3)."""
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        """As `forward`; with a feature map, the attribution is its class activation map."""
        planes = image.permute(0, 3, 1, 2)
        planes = planes.flip(1) if self._pixels.reverse else planes
        pixels = (planes.to(torch.float32) * self._pixels.scale - self.mean) / self.std
        state: Tensor = self.model(pixel_values=pixels).last_hidden_state
        if self._pool == "map":
            pooled = state.mean(dim=(2, 3))
            attribution = partial(activation_map, state, self.head.weight)
            return ModelOutput(self.head(pooled), pooled, attribution)
        pooled = state[:, 0] if self._pool == "first" else state.mean(dim=1)
        return ModelOutput(self.head(pooled), pooled)


class TextBackbone(nn.Module):
    """Token ids → a backbone of `TEXTS` → one linear layer on the mean of the tokens' states.

    opening, closing: the ids before and after each text. padding: the id of padding.
    """

    def __init__(
        self, model: nn.Module, *, opening: int, closing: int, padding: int, classes: int
    ) -> None:
        super().__init__()
        self.model = model
        self._opening, self._closing, self._padding = opening, closing, padding
        size: int = model.config.hidden_size  # type: ignore[union-attr, assignment]
        self.head = nn.Linear(size, classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return logits of `tokens` (B, T) int64, of which the first `lengths` (B,) count."""
        return self.read(tokens, lengths).logits

    def read(self, tokens: Tensor, lengths: Tensor) -> ModelOutput:
        """As `forward`. The attribution is what each token's state adds to the label's logit."""
        ends = nn.functional.pad(tokens, (1, 1))
        place = torch.arange(ends.shape[1], device=ends.device)[None]
        last = lengths[:, None] + 1
        ids = torch.where(place == 0, self._opening, ends)
        ids = torch.where(place == last, self._closing, ids)
        ids = torch.where(place > last, self._padding, ids)
        mask = (place <= last).to(torch.int64)
        states: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        shares = mask.to(states.dtype) / (last + 1).to(states.dtype)
        pooled = (states * shares[:, :, None]).sum(1)
        return ModelOutput(self.head(pooled), pooled, partial(self._attribution, states, shares))

    def _attribution(self, states: Tensor, shares: Tensor, labels: Tensor) -> Tensor:
        weights = centred_label_weights(self.head.weight, labels)[:, :, None]
        return ((states @ weights).squeeze(2) * shares)[:, 1:-1] * (shares[:, 2:] > 0)

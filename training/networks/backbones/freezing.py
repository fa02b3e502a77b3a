"""What of a trained network goes on learning: its head, and the last of its layers."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def heads(network: nn.Module) -> list[nn.Linear]:
    """Return the last linear layer of the network, or of each of its `members`."""
    members = getattr(network, "members", [network])
    linear = [[m for m in member.modules() if isinstance(m, nn.Linear)] for member in members]
    return [layers[-1] for layers in linear if layers]


def set_heads(heads: Sequence[nn.Linear], weight: Tensor, bias: Tensor) -> None:
    """Have the mean of linear layers answer as one of `weight` and `bias`.

    weight: float32 (labels, d), d being the features that the layers read in all, side by side.
    bias: float32 (labels,).
    """
    parts = weight.split([head.in_features for head in heads], dim=1)
    with torch.no_grad():
        for head, part in zip(heads, parts, strict=True):
            head.weight.copy_(len(heads) * part)
            head.bias.copy_(bias)


def freeze(network: nn.Module, share: float) -> None:
    """Let the last `share` (0 to 1) of the layers learn and the heads, and nothing else.

    Layers are counted in the order in which they were made, which is that of computing for all
    networks here. Batch statistics stay what they are everywhere: a few hundred samples would
    only blur them.
    """
    layers = [m for m in network.modules() if any(True for _ in m.parameters(recurse=False))]
    border = len(layers) - round(share * len(layers))
    for layer in layers[:border]:
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(False)
    for head in heads(network):
        head.requires_grad_(True)
    freeze_batch_norm(network)


def freeze_batch_norm(network: nn.Module) -> None:
    """Have batch normalisation use the statistics it has, in training too."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = _KEPT[module.__class__]
            module.eval()


class _KeptStatistics1d(nn.BatchNorm1d):
    def train(self, mode: bool = True) -> "_KeptStatistics1d":
        return super().train(False)


class _KeptStatistics2d(nn.BatchNorm2d):
    def train(self, mode: bool = True) -> "_KeptStatistics2d":
        return super().train(False)


_KEPT: dict[type, type] = {
    nn.BatchNorm1d: _KeptStatistics1d,
    nn.BatchNorm2d: _KeptStatistics2d,
    _KeptStatistics1d: _KeptStatistics1d,
    _KeptStatistics2d: _KeptStatistics2d,
}

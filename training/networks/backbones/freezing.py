"""Freezing a trained network, so that only its head and its last layers learn."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.networks.network import members_of


def heads(network: nn.Module) -> list[nn.Linear]:
    """Return the last linear layer of the network, or of each member of an ensemble.

    The last one is the one that `__init__` defines last, not the one that is computed last: the two
    agree for all networks here. Members without a linear layer are left out.
    """
    linear = [
        [m for m in member.modules() if isinstance(m, nn.Linear)] for member in members_of(network)
    ]
    return [layers[-1] for layers in linear if layers]


def set_heads(heads: Sequence[nn.Linear], weight: Tensor, bias: Tensor) -> None:
    """Set linear layers so that the mean of their outputs is that of one layer.

    weight: float32 (labels, d), of that one layer, which reads the features of all `heads` side by
    side. bias: float32 (labels,).
    """
    parts = weight.split([head.in_features for head in heads], dim=1)
    with torch.no_grad():
        for head, part in zip(heads, parts, strict=True):
            head.weight.copy_(len(heads) * part)
            head.bias.copy_(bias)


def freeze(network: nn.Module, share: float) -> None:
    """Freeze all weights but those of the heads and of the last `share` (0 to 1) of the layers.

    Layers count in the order of their definition, which is the order of computation for all
    networks here. Batch normalisation keeps its statistics everywhere: a few hundred samples would
    only make them worse.
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
    """Make batch normalisation use its running statistics in training too."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__class__ = _FROZEN[module.__class__]
            module.eval()


class _FrozenBatchNorm1d(nn.BatchNorm1d):
    def train(self, mode: bool = True) -> "_FrozenBatchNorm1d":
        return super().train(False)


class _FrozenBatchNorm2d(nn.BatchNorm2d):
    def train(self, mode: bool = True) -> "_FrozenBatchNorm2d":
        return super().train(False)


_FROZEN: dict[type, type] = {
    nn.BatchNorm1d: _FrozenBatchNorm1d,
    nn.BatchNorm2d: _FrozenBatchNorm2d,
    _FrozenBatchNorm1d: _FrozenBatchNorm1d,
    _FrozenBatchNorm2d: _FrozenBatchNorm2d,
}

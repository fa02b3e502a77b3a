"""What a network may offer besides `forward`; every part is optional.

Training calls `forward` alone. The exporter, novelty and transfer use the other methods where a
network has them, and do without where it has not.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from training.networks.heads.model_output import ModelOutput


@runtime_checkable
class ReadableNetwork(Protocol):
    """A network that returns its features with its logits; without it there is no embedding."""

    def read(self, *inputs: Tensor) -> ModelOutput:
        """Return logits, embedding and attribution of one pass over a batch."""
        ...


@runtime_checkable
class Banded(Protocol):
    """A network whose attribution of a sound lies in frequency bands."""

    def bands(self) -> tuple[float, ...]:
        """Return the bands' edges in Hz, the lowest first."""
        ...


@runtime_checkable
class Divisible(Protocol):
    """A network that can be cut before its first layer that learns."""

    def cut(self) -> tuple[nn.Module, nn.Module]:
        """Return the layers before the cut and the rest, with the same weights."""
        ...


@runtime_checkable
class PartlyPretrained(Protocol):
    """A network that says which part of it is pretrained; that part learns more slowly."""

    @property
    def pretrained(self) -> nn.Module:
        """The pretrained part."""
        ...


def members_of(network: nn.Module) -> Sequence[nn.Module]:
    """Return the networks of an ensemble, its attribute `members`; else the network alone."""
    members = getattr(network, "members", None)
    return list(members) if isinstance(members, nn.ModuleList) else [network]

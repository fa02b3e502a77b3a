"""A trained network to start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from app.bundle import EncoderSpec
from training.recipes.recipe import Finish


@dataclass(frozen=True, slots=True)
class TrainedNetwork:
    """A trained network, and the encoder that makes its inputs of files.

    build: number of labels → the network with random weights. load_weights: copies the trained
    weights into such a network, except those of the last layer. tuned_share: the share of the
    layers that fine-tuning trains, counted from the end. resizable: whether the encoder's input is
    the largest that the network reads, so that it may be fitted to the training samples: a shorter
    window of sound, a smaller picture. finish: changes the network once after the training.
    """

    name: str
    encoder: EncoderSpec
    build: Callable[[int], nn.Module]
    load_weights: Callable[[nn.Module], None]
    files: Mapping[str, bytes] = field(default_factory=dict)
    tuned_share: float = 1 / 3
    resizable: bool = False
    finish: Finish | None = None

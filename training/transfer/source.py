"""A trained network to start from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import nn

from app.bundle import EncoderSpec
from training.recipes.recipe import Finish


@dataclass(frozen=True, slots=True)
class Source:
    """A trained network, and how files become its inputs: both come from where it was trained.

    build: number of labels → the network, untrained. fill: puts the weights in, all but those of
    the last layer. tuned: share of the layers that transfer lets learn, counted from the end.
    windowed: whether the encoder's window is the longest that the network hears, so that one as
    long as the training sounds will do. finish: what is done to the network once it
    has learnt.
    """

    name: str
    encoder: EncoderSpec
    build: Callable[[int], nn.Module]
    fill: Callable[[nn.Module], None]
    files: Mapping[str, bytes] = field(default_factory=dict)
    tuned: float = 1 / 3
    windowed: bool = False
    finish: Finish | None = None

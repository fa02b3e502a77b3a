"""Copying weights between two networks that differ in their last layers at most."""

from collections.abc import Mapping

from torch import Tensor, nn

from training.errors import TrainingError
from training.networks.backbones.freezing import heads
from training.networks.backbones.sentence_encoder import WordsInContext


def copy_backbone(network: nn.Module, trained: nn.Module) -> None:
    """Copy all weights of `trained` into `network`, except those of the last layers.

    Raises `TrainingError` where the networks differ in more than depends on the number of labels.
    """
    resize_embeddings(network, trained.state_dict())
    last = {id(parameter) for head in heads(network) for parameter in head.parameters()}
    own = {name: id(parameter) for name, parameter in network.named_parameters()}
    wanted, given = network.state_dict(), trained.state_dict()
    if wanted.keys() != given.keys():
        odd = sorted(wanted.keys() ^ given.keys())[0]
        raise TrainingError(f"the networks differ: only one has {odd!r}")
    copied = {
        name: weight if own.get(name) in last or given[name].shape != weight.shape else given[name]
        for name, weight in wanted.items()
    }
    network.load_state_dict(copied)


def resize_embeddings(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Set the vocabulary of the network's embeddings to that of `weights`, so that they fit."""
    for name, module in network.named_modules():
        pieces = weights.get(f"{name}.pieces".removeprefix("."))
        if isinstance(module, WordsInContext) and pieces is not None:
            module.set_vocabulary(pieces.clone())

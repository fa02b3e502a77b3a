"""One network's weights into another that differs in its last layer at most."""

from collections.abc import Mapping

from torch import Tensor, nn

from training.errors import TrainingError
from training.networks.backbones.freezing import heads
from training.networks.backbones.sentence_encoder import WordsInContext


def take(network: nn.Module, trained: nn.Module) -> None:
    """Give `network` all weights of `trained` but those of the last layers.

    Raises `TrainingError` where the two differ otherwise than in what depends on the labels.
    """
    make_room(network, trained.state_dict())
    last = {id(parameter) for head in heads(network) for parameter in head.parameters()}
    own = {name: id(parameter) for name, parameter in network.named_parameters()}
    wanted, given = network.state_dict(), trained.state_dict()
    if wanted.keys() != given.keys():
        odd = sorted(wanted.keys() ^ given.keys())[0]
        raise TrainingError(f"the networks differ: only one has {odd!r}")
    taken = {
        name: weight if own.get(name) in last or given[name].shape != weight.shape else given[name]
        for name, weight in wanted.items()
    }
    network.load_state_dict(taken)


def make_room(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Have `network` know as many words as `weights` are of: it is told them once it is made."""
    for name, module in network.named_modules():
        pieces = weights.get(f"{name}.pieces".removeprefix("."))
        if isinstance(module, WordsInContext) and pieces is not None:
            module.set_vocabulary(pieces.clone())

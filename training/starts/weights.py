"""One network's weights into another that differs in its last layer at most."""

from torch import nn

from training.errors import TrainingError
from training.networks.frozen import heads


def take(network: nn.Module, trained: nn.Module) -> None:
    """Give `network` all weights of `trained` but those of the last layers.

    Raises `TrainingError` where the two differ otherwise than in what depends on the labels.
    """
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

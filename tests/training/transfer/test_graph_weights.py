"""A graph's weights, back in the network that it was exported from, are those it had."""

import pytest
import torch
from torch import Tensor, nn

from tests.training.encoders import WORDS, contextual, pieces
from tests.training.networks.tree.test_contextual import FORESTS, SPECS, join, tensors
from training.errors import TrainingError
from training.exporting.export import Servable, export
from training.networks.tree.contextual import ContextualTreeLSTM
from training.networks.tree.statistics import WordSum
from training.transfer.copy_weights import copy_backbone
from training.transfer.graph_weights import load_graph_weights

pytestmark = pytest.mark.slow

SIZE = 96  # the exporter folds the casts of smaller matrices


def drawn(classes: int) -> ContextualTreeLSTM:
    """A network of whose weights no two are alike."""
    network = contextual(classes, WordSum(), SIZE)
    torch.manual_seed(3)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) / 10)
    return network


def fresh(classes: int) -> ContextualTreeLSTM:
    """A network of zeros that knows no word."""
    network = contextual(classes, WordSum(), SIZE)
    network.words.set_vocabulary(torch.ones(1, 1))
    for weight in network.parameters():
        nn.init.zeros_(weight)
    return network


def exported(network: ContextualTreeLSTM) -> bytes:
    return export(Servable(network), SPECS, tensors(join(FORESTS[:2])))


def states(network: ContextualTreeLSTM) -> dict[str, Tensor]:
    """Return the weights by name, float32, and the words' pieces."""
    return {name: weight.to(torch.float32) for name, weight in network.state_dict().items()}


def settled(classes: int) -> ContextualTreeLSTM:
    network = drawn(classes)
    network.words.encoder.round_to_half()
    return network.eval()


def test_a_settled_encoder_comes_back_whole() -> None:
    network, filled = settled(4), fresh(4).eval()
    load_graph_weights(filled, exported(network))
    wanted, found = states(network), states(filled)
    assert wanted.keys() == found.keys()
    for name, weight in wanted.items():
        assert torch.equal(found[name], weight), name
    assert all(weight.dtype == torch.float32 for weight in filled.parameters())
    for forest in FORESTS:
        with torch.no_grad():
            actual, expected = (net(*tensors(forest)) for net in (filled, network))
        torch.testing.assert_close(actual, expected)


def test_another_encoder_is_refused() -> None:
    model = exported(settled(4))
    with pytest.raises(
        TrainingError, match=r"'head\.weight' has the shape \(4, 6\), the network's"
    ):
        load_graph_weights(fresh(5), model)


def test_the_words_are_taken_with_the_weights() -> None:
    trained, network = drawn(4), fresh(2)
    copy_backbone(network, trained)
    assert torch.equal(network.words.pieces, pieces().to(torch.int32))
    assert len(network.words.pieces) == len(WORDS)
    network.words.pieces.zero_()  # the other keeps its own
    assert torch.equal(trained.words.pieces, pieces().to(torch.int32))
    assert torch.equal(network.leaf.weight, trained.leaf.weight)
    assert not network.head.weight.any()

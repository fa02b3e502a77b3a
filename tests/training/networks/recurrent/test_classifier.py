"""The text networks: padding changes nothing, in torch and in ONNX."""

import numpy as np
import pytest
import torch
from torch import nn

from app.bundle.tensors import PROBABILITIES
from app.runtime.session import Session
from tests.training.samples import SENTENCE, sentences
from training.exporting.export import Servable, export
from training.networks.recurrent.bag_of_ngrams import LinearBag, distinct
from training.networks.recurrent.classifier import TextEnsemble, TextRecurrentNet

pytestmark = pytest.mark.slow

VOCABULARY = 50


def bag() -> LinearBag:
    network = LinearBag(vocabulary=VOCABULARY, classes=3)
    nn.init.normal_(network.tokens.weight)
    nn.init.normal_(network.pairs.weight)
    return network


def recurrent() -> TextRecurrentNet:
    return TextRecurrentNet(vocabulary=VOCABULARY, classes=3)


def ensemble() -> TextEnsemble:
    return TextEnsemble([recurrent(), bag()])


KINDS = pytest.mark.parametrize("kind", [recurrent, bag, ensemble], indirect=True)


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> nn.Module:
    torch.manual_seed(1)
    return request.param().eval()


def padded(lengths: list[int], extra: int = 0) -> list[torch.Tensor]:
    tokens, length = sentences(lengths, VOCABULARY).batch(range(len(lengths)))[0]
    return [torch.from_numpy(np.pad(tokens, ((0, 0), (0, extra)))), torch.from_numpy(length)]


@KINDS
def test_recurrent_output_ignores_padding_and_batch(kind: nn.Module):
    net, lengths = kind, [7, 1, 4, 1, 12]
    with torch.no_grad():
        together = net(*padded(lengths))
        assert torch.allclose(net(*padded(lengths, extra=9)), together, atol=1e-5)
        tokens, length = padded(lengths)
        for i, size in enumerate(lengths):
            alone = net(tokens[i : i + 1, :size], length[i : i + 1])
            assert torch.allclose(alone, together[i : i + 1], atol=1e-5)


@pytest.fixture(scope="module")
def exported(kind: nn.Module) -> tuple[nn.Module, Session]:
    return kind, Session(export(Servable(kind), SENTENCE, padded([5, 3]), ("time",)))


@KINDS
@pytest.mark.parametrize(
    ("lengths", "extra"), [([1], 0), ([1], 6), ([9, 2], 0), ([1, 1, 1], 0), ([7, 1, 4, 260, 2], 11)]
)
def test_recurrent_graph_is_exact_under_any_padding(exported, lengths: list[int], extra: int):
    net, session = exported
    arrays = padded(lengths, extra)
    feeds = {s.name: array.numpy() for s, array in zip(SENTENCE, arrays, strict=True)}
    with torch.no_grad():
        expected = net(*padded(lengths)).softmax(1).numpy()
    assert np.allclose(session.run(feeds)[PROBABILITIES], expected, atol=1e-5)


@KINDS
def test_dropout_in_training_only(kind: nn.Module):
    arrays = padded([9, 8])
    with torch.no_grad():
        assert torch.equal(kind(*arrays), kind(*arrays))
        kind.train()
        assert not torch.equal(kind(*arrays), kind(*arrays))
        kind.eval()


def test_text_ensemble_averages_and_trains_members_independently():
    torch.manual_seed(1)
    net, arrays = ensemble().eval(), padded([9, 8])
    with torch.no_grad():
        mean = torch.stack([member(*arrays) for member in net.members]).mean(0)
        assert torch.allclose(net(*arrays), mean)
        assert net.train()(*arrays).shape == (2, 3, 2)


def test_bag_counts_a_repeated_token_once():
    ids = torch.tensor([[4, 7, 4, 4, 7, 9, 8]])
    ordered, first = distinct(ids, ids < 9)
    assert ordered[0, first[0, :, 0] > 0].tolist() == [4, 7, 8]
    with torch.no_grad():
        lengths = torch.tensor([2])
        once = bag().eval()
        pair = torch.tensor([[4, 7]])
        same = torch.tensor([[4, 7, 4, 7, 4, 7]])
        assert not torch.allclose(once(pair, lengths), once(same, torch.tensor([6])))  # 7 before 4
        assert torch.allclose(
            once(torch.tensor([[4, 4, 4]]), torch.tensor([3])),
            once(torch.tensor([[4, 4, 4, 4]]), torch.tensor([4])),
        )

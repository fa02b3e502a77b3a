"""The recurrent network: padding changes nothing, in torch and in ONNX."""

import numpy as np
import pytest
import torch

from app.engine.session import Session
from tests.training.samples import SENTENCE, sentences
from training.export import OUTPUT, Servable, export
from training.networks.recurrent import TextRecurrentNet

VOCABULARY = 50


def network() -> TextRecurrentNet:
    torch.manual_seed(1)
    return TextRecurrentNet(vocabulary=VOCABULARY, classes=3).eval()


def padded(lengths: list[int], extra: int = 0) -> list[torch.Tensor]:
    tokens, length = sentences(lengths, VOCABULARY).batch(range(len(lengths)))[0]
    return [torch.from_numpy(np.pad(tokens, ((0, 0), (0, extra)))), torch.from_numpy(length)]


def test_padding_and_company_change_nothing_in_torch():
    net, lengths = network(), [7, 1, 4, 1, 12]
    with torch.no_grad():
        together = net(*padded(lengths))
        assert torch.allclose(net(*padded(lengths, extra=9)), together, atol=1e-5)
        tokens, length = padded(lengths)
        for i, size in enumerate(lengths):
            alone = net(tokens[i : i + 1, :size], length[i : i + 1])
            assert torch.allclose(alone, together[i : i + 1], atol=1e-5)


@pytest.fixture(scope="module")
def exported() -> tuple[TextRecurrentNet, Session]:
    net = network()
    return net, Session(export(Servable(net), SENTENCE, padded([5, 3])))


@pytest.mark.parametrize(
    ("lengths", "extra"), [([1], 0), ([1], 6), ([9, 2], 0), ([1, 1, 1], 0), ([7, 1, 4, 260, 2], 11)]
)
def test_the_graph_is_exact_under_any_padding(exported, lengths: list[int], extra: int):
    net, session = exported
    arrays = padded(lengths, extra)
    feeds = {s.name: array.numpy() for s, array in zip(SENTENCE, arrays, strict=True)}
    with torch.no_grad():
        expected = net(*padded(lengths)).softmax(1).numpy()
    assert np.allclose(session.run(feeds)[OUTPUT], expected, atol=1e-5)


def test_chance_is_for_training_only():
    net, arrays = network(), padded([9, 8])
    with torch.no_grad():
        assert torch.equal(net(*arrays), net(*arrays))
        net.train()
        assert not torch.equal(net(*arrays), net(*arrays))

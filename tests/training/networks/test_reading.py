"""What networks tell besides logits: the evidence of all places makes up the logits."""

import pytest
import torch
from torch import Tensor, nn

from training.networks.bag import LinearBag
from training.networks.convolutional import ConvNet
from training.networks.recurrent import TextEnsemble, TextRecurrentNet
from training.networks.spectrogram import SpectrogramNet

TOKENS = torch.tensor([[3, 9, 4, 7, 1], [5, 2, 0, 0, 0]]), torch.tensor([5, 2])


def bag() -> LinearBag:
    network = LinearBag(vocabulary=50, classes=3)
    nn.init.normal_(network.tokens.weight)
    nn.init.normal_(network.pairs.weight)
    return network


def texts() -> nn.Module:
    return TextEnsemble([TextRecurrentNet(vocabulary=50, classes=3), bag(), bag()])


def random(shape: tuple[int, ...], dtype: torch.dtype, high: int) -> Tensor:
    low = -high if dtype == torch.int16 else 0
    return torch.randint(low, high, shape, generator=torch.Generator().manual_seed(1), dtype=dtype)


CASES = [
    pytest.param(
        lambda: ConvNet(1, 3, width=4), (random((2, 17, 24, 1), torch.uint8, 256),), id="pictures"
    ),
    pytest.param(
        lambda: SpectrogramNet(classes=3), (random((2, 8000), torch.int16, 999),), id="sounds"
    ),
    pytest.param(texts, TOKENS, id="texts"),
]


def biases(network: nn.Module) -> Tensor:
    """The mean of the members' biases, (classes,)."""
    members = network.members if isinstance(network, TextEnsemble) else [network]
    found = []
    for member in members:
        last = getattr(member, "head", member)
        found.append((last[1] if isinstance(last, nn.Sequential) else last).bias)
    return torch.stack(found).mean(0)


@pytest.mark.parametrize(("make", "inputs"), CASES)
def test_evidence_adds_up_to_the_logit(make, inputs: tuple[Tensor, ...]) -> None:
    torch.manual_seed(0)
    network = make().eval()
    with torch.no_grad():
        reading = network.read(*inputs)
        assert torch.equal(reading.logits, network(*inputs))
        beyond = reading.logits - biases(network)
        beyond = beyond - beyond.mean(1, keepdim=True)
        for label in range(3):
            evidence = reading.evidence(torch.full((2,), label))
            assert torch.allclose(evidence.flatten(1).sum(1), beyond[:, label], atol=1e-5)


def test_evidence_does_not_depend_on_padding() -> None:
    torch.manual_seed(0)
    network, (tokens, lengths) = texts().eval(), TOKENS
    labels = torch.tensor([0, 2])
    with torch.no_grad():
        together = network.read(tokens, lengths).evidence(labels)
        padded = network.read(nn.functional.pad(tokens, (0, 4)), lengths).evidence(labels)
        alone = network.read(tokens[1:, :2], lengths[1:]).evidence(labels[1:])
    assert torch.allclose(padded, nn.functional.pad(together, (0, 4)), atol=1e-6)
    assert torch.allclose(alone, together[1:, :2], atol=1e-6)
    assert (together[1, 2:] == 0).all()

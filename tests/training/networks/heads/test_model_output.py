"""The output of networks besides logits: the attribution of all positions adds up to a logit."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from training.networks.audio.spectrogram import SpectrogramNet
from training.networks.convolutional.classifier import ConvNet
from training.networks.recurrent.bag_of_ngrams import LinearBag
from training.networks.recurrent.classifier import TextEnsemble, TextRecurrentNet

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


PICTURES = random((2, 17, 24, 1), torch.uint8, 256)
SOUNDS = random((2, 8000), torch.int16, 999)


def biases(network: nn.Module) -> Tensor:
    """The mean of the members' biases, (classes,)."""
    members = network.members if isinstance(network, TextEnsemble) else [network]
    found = []
    for member in members:
        last = getattr(member, "head", member)
        found.append((last[1] if isinstance(last, nn.Sequential) else last).bias)
    return torch.stack(found).mean(0)


def test_text_attribution_adds_up_to_the_logit() -> None:
    torch.manual_seed(0)
    network = texts().eval()
    with torch.no_grad():
        output = network.read(*TOKENS)
        assert torch.equal(output.logits, network(*TOKENS))
        beyond = output.logits - biases(network)
        beyond = beyond - beyond.mean(1, keepdim=True)
        for label in range(3):
            attribution = output.attribution(torch.full((2,), label))
            assert torch.allclose(attribution.sum(1), beyond[:, label], atol=1e-5)


@pytest.mark.parametrize(
    ("make", "inputs", "first", "place"),
    [
        pytest.param(
            lambda: ConvNet(1, 3, width=4),
            PICTURES,
            lambda n: n.features[1],
            (8, 12),
            id="pictures",
        ),
        pytest.param(
            lambda: SpectrogramNet(classes=3),
            SOUNDS,
            lambda n: n.body[2],
            (20, 41),
            id="sounds",
        ),
    ],
)
def test_attribution_is_gradient_times_activation(make, inputs: Tensor, first, place) -> None:
    torch.manual_seed(0)
    network = make()
    for _ in range(3):  # statistics that are not 0 and 1
        network(inputs)
    network.eval()
    flowing: list[Tensor] = []

    def keep(layer: nn.Module, given: tuple[Tensor, ...], out: Tensor) -> Tensor:
        flowing.append(out.detach().requires_grad_())
        return flowing[-1]

    hook = first(network).register_forward_hook(keep)
    logits = network(inputs)
    hook.remove()
    labels = torch.tensor([2, 0])
    beyond = logits.gather(1, labels[:, None]).sum() - logits.mean(1).sum()
    (gradient,) = torch.autograd.grad(beyond, flowing)
    with torch.no_grad():
        attribution = network.read(inputs).attribution(labels)
    assert attribution.shape == (2, *place)
    assert torch.allclose(attribution, (gradient * flowing[0]).sum(1), atol=1e-5)


def test_text_attribution_ignores_padding() -> None:
    torch.manual_seed(0)
    network, (tokens, lengths) = texts().eval(), TOKENS
    labels = torch.tensor([0, 2])
    with torch.no_grad():
        together = network.read(tokens, lengths).attribution(labels)
        padded = network.read(nn.functional.pad(tokens, (0, 4)), lengths).attribution(labels)
        alone = network.read(tokens[1:, :2], lengths[1:]).attribution(labels[1:])
    assert torch.allclose(padded, nn.functional.pad(together, (0, 4)), atol=1e-6)
    assert torch.allclose(alone, together[1:, :2], atol=1e-6)
    assert (together[1, 2:] == 0).all()


@pytest.mark.training
def test_attribution_finds_a_bright_square() -> None:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(3)
    images = torch.randint(0, 80, (128, 24, 24, 1), generator=generator, dtype=torch.uint8)
    places = torch.randint(0, 19, (128, 2), generator=generator).tolist()
    labels = torch.arange(128) % 2
    for image, (row, column), label in zip(images, places, labels, strict=True):
        if label:
            image[row : row + 5, column : column + 5] = 255
    network = ConvNet(1, 2, width=4, dropout=0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
    network.eval()
    with torch.no_grad():
        output = network.read(images)
        maps = output.attribution(torch.ones_like(labels))
    assert (output.logits.argmax(1) == labels).float().mean() > 0.9
    peaks = maps.flatten(1).argmax(1)
    shown = [
        row - 2 <= 2 * (peak // 12) < row + 6 and column - 2 <= 2 * (peak % 12) < column + 6
        for (row, column), peak, label in zip(places, peaks.tolist(), labels, strict=True)
        if label
    ]
    assert np.mean(shown) > 0.9

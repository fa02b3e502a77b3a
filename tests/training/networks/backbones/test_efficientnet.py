"""EfficientNet: `read` equals the package's network, and its attribution equals autograd's."""

import pytest
import torch

from training.networks.backbones.efficientnet import (
    INTEGRAL_STEPS,
    FromBytes,
    Tail,
    Trunk,
    empty_efficientnet_lite0,
)

IMAGES = torch.randint(
    0, 256, (2, 224, 224, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8
)


def network() -> FromBytes:
    """Weights and statistics at random, so large that units switch and are cut off at 6."""
    torch.manual_seed(0)
    made = empty_efficientnet_lite0(5)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
            torch.nn.init.normal_(module.weight, 1.5, 0.5)
            torch.nn.init.normal_(module.bias, 1, 2)
    with torch.no_grad():
        for _ in range(3):  # statistics that are those of what flows
            made(IMAGES)
    assert isinstance(made, FromBytes)
    return made.eval()


@torch.no_grad()
def test_efficientnet_read_equals_forward() -> None:
    net = network()
    output = net.read(IMAGES)
    torch.testing.assert_close(output.logits, net(IMAGES))
    assert output.embedding.shape == (2, 1280)


def beyond(net: FromBytes, border: int, state: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The labels' logits less the mean, by the package's own layers."""
    for block in net.network._blocks[border:]:
        state = block(state)
    last = net.network._swish(net.network._bn1(net.network._conv_head(state)))
    logits = net.network._fc(last.mean(dim=(2, 3)))
    return logits.gather(1, labels[:, None])[:, 0] - logits.mean(1)


@pytest.mark.parametrize("border", [0, 5, 11, 16])
def test_efficientnet_gradient_equals_autograd(border: int) -> None:
    net, labels = network(), torch.tensor([2, 0])
    with torch.no_grad():
        state = Trunk(net.network, border)(IMAGES)
        found = Tail(net.network, border).gradient(state, labels)
    state.requires_grad_()
    beyond(net, border, state, labels).sum().backward()
    assert state.grad is not None
    assert found.abs().max() > 0
    torch.testing.assert_close(found, state.grad, rtol=1e-3, atol=1e-4 * found.abs().max().item())


@pytest.mark.slow
def test_efficientnet_attribution_is_relative_to_the_mean_colour() -> None:
    net, labels = network(), torch.tensor([2, 0])
    even = IMAGES.float().mean(dim=(1, 2), keepdim=True).expand(IMAGES.shape)
    with torch.no_grad():
        read = net.read(IMAGES).attribution
        assert read is not None
        actual = read(labels)
        ends = [Trunk(net.network, 11)(images) for images in (even, IMAGES)]
    change, total = ends[1] - ends[0], torch.zeros_like(ends[0])
    for step in range(INTEGRAL_STEPS):
        state = (ends[0] + (step + 0.5) / INTEGRAL_STEPS * change).requires_grad_()
        beyond(net, 11, state, labels).sum().backward()
        assert state.grad is not None
        total += state.grad / INTEGRAL_STEPS
    cells = (total * change).sum(1).unflatten(2, (7, 2)).unflatten(1, (7, 2)).sum((2, 4))
    torch.testing.assert_close(actual, cells, rtol=1e-3, atol=1e-4 * cells.abs().max().item())

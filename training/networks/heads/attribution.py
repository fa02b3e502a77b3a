"""The gradient of a stack of convolutional layers as explicit operations, for export.

An exported graph has no autograd. In evaluation mode each of these layers is piecewise linear, so
its gradient is one expression.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

EVEN = 1e-5  # activations that differ by less count as equal


def forward_with_inputs(layers: Iterable[nn.Module], images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Apply `layers` in turn; return the output, and the input of each layer."""
    given = []
    for layer in layers:
        given.append(images)
        images = layer(images)
    return images, given


def backward(layers: Sequence[nn.Module], given: Sequence[Tensor], gradient: Tensor) -> Tensor:
    """Return the gradient with respect to the input of `layers`, from that of their output.

    given: the input of each layer, (B, C, H, W). Layers may be `Conv2d`, also one that pads its
    input itself, `MaxPool2d` of 2, `BatchNorm2d`, `ReLU`, and `ReLU6`.
    """
    for layer, images in zip(reversed(layers), reversed(given), strict=True):
        layer_backward = next(_BACKWARD[kind] for kind in type(layer).__mro__ if kind in _BACKWARD)
        gradient = layer_backward(layer, images, gradient)
    return gradient


def _convolution(layer: nn.Conv2d, images: Tensor, gradient: Tensor) -> Tensor:
    padding = [int(size) for size in layer.padding]
    # EfficientNet's convolutions contain a padding layer: left, right, top, bottom.
    edges = getattr(getattr(layer, "static_padding", None), "padding", (0, 0, 0, 0))
    height, width = images.shape[2:]
    beyond = [  # rows and columns at the lower and right edge that the stride skips
        size
        - ((gradient.shape[2 + axis] - 1) * layer.stride[axis] + layer.kernel_size[axis])
        + 2 * padding[axis]
        for axis, size in enumerate((height + sum(edges[2:]), width + sum(edges[:2])))
    ]
    below: Tensor = functional.conv_transpose2d(
        gradient, layer.weight, None, layer.stride, padding, beyond, layer.groups
    )
    if any(edges):
        return below[:, :, edges[2] : edges[2] + height, edges[0] : edges[0] + width]
    return below


def _maximum(_: nn.MaxPool2d, images: Tensor, gradient: Tensor) -> Tensor:
    """Equal maxima share the gradient; pixels dropped at the lower and right edge have none.

    In a uniform area values are equal but for rounding, which differs between machines.
    """
    height, width = (2 * size for size in gradient.shape[2:])
    pooled = images[:, :, :height, :width]
    highest = functional.interpolate(functional.max_pool2d(images, 2), scale_factor=2.0)
    peaks = (pooled >= highest - EVEN).float()
    share = gradient / (4 * functional.avg_pool2d(peaks, 2))
    spread = functional.interpolate(share, scale_factor=2.0) * peaks
    edges = (0, images.shape[3] - width, 0, images.shape[2] - height)
    return functional.pad(spread, edges)


def _normalisation(layer: nn.BatchNorm2d, _: Tensor, gradient: Tensor) -> Tensor:
    assert layer.running_var is not None
    scale = layer.weight / torch.sqrt(layer.running_var + layer.eps)
    return gradient * scale[:, None, None]


def _switch(_: nn.ReLU, images: Tensor, gradient: Tensor) -> Tensor:
    return gradient * (images > 0)


def _switch6(_: nn.ReLU6, images: Tensor, gradient: Tensor) -> Tensor:
    return gradient * ((images > 0) & (images < 6))


_BACKWARD: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], Tensor]] = {
    nn.Conv2d: _convolution,
    nn.MaxPool2d: _maximum,
    nn.BatchNorm2d: _normalisation,
    nn.ReLU: _switch,
    nn.ReLU6: _switch6,
}

"""A novelty detector for images: an autoencoder and the density of its codes.

`training.measuring.detector` fits it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.networks.convolutional.autoencoder import Autoencoder

_DARKEST = 1e-3  # added to an image's variance (white is 1), because blank pages have none
_STEEPNESS = 4.0  # the median of known images has a novelty of sigmoid(-4) = .018


class Mixture(nn.Module):
    """A mixture of k Gaussians over d principal axes of the codes.

    centre: (code,); axes: (code, d); log_weights: (k,); means: (k, d); precisions: (k, d, d),
    the factors P of the inverse covariances P Pᵀ, lower or upper triangular. All float32.
    """

    centre: Tensor
    axes: Tensor
    means: Tensor
    precisions: Tensor
    constants: Tensor

    def __init__(
        self, centre: Tensor, axes: Tensor, log_weights: Tensor, means: Tensor, precisions: Tensor
    ) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("axes", axes)
        self.register_buffer("precisions", precisions)
        # Each mean in the coordinates of its own component.
        self.register_buffer("means", torch.einsum("kd,kde->ke", means, precisions))
        volumes = torch.diagonal(precisions, dim1=1, dim2=2).log().sum(1)
        self.register_buffer("constants", log_weights + volumes)

    def forward(self, code: Tensor) -> Tensor:
        """Return the negative log-density up to a constant, (B,), of float32 (B, code)."""
        places = (code - self.centre) @ self.axes
        away = torch.einsum("bd,kde->bke", places, self.precisions) - self.means
        return -torch.logsumexp(self.constants - 0.5 * away.square().sum(2), dim=1)


@dataclass(frozen=True, slots=True)
class Scale:
    """The statistics of known images that standardise the detector's two surprises.

    means, deviations: of the two surprises. typical: the median of `total`. threshold: the total
    at which novelty is .5.
    """

    means: tuple[float, float] = (0.0, 0.0)
    deviations: tuple[float, float] = (1.0, 1.0)
    typical: float = 0.0
    threshold: float = 1.0

    def total(self, surprises: Any) -> Any:
        """Return the weighted sum of the two standardised surprises."""
        code, error = (
            (surprise - mean) / deviation
            for surprise, mean, deviation in zip(
                surprises, self.means, self.deviations, strict=True
            )
        )
        return 2 * code + error


class NoveltyDetector(nn.Module):
    """The module that is exported: the autoencoder, and the novelty of an image.

    Novelty adds two standardised surprises: the negative log-density of the code, which counts
    twice, and the share of the image's variance that the reconstruction misses. The reconstruction
    error alone would call a blank page normal, because a page without strokes is easy to
    reconstruct.

    mean, deviation: float32 (code,), of the codes of known images.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, network: Autoencoder, mixture: Mixture, mean: Tensor, deviation: Tensor
    ) -> None:
        super().__init__()
        self.network, self.mixture, self.scale = network, mixture, Scale()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the values of `outputs`, in their order."""
        return tuple(self.outputs(*inputs).values())

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return the outputs for uint8 (B, H, W, channels) by name, all float32.

        reconstruction (B, H, W, channels), 0..255. reconstruction_error (B,): its mean squared
        distance to the image, where white is 1. novelty (B,), 0..1. embedding (B, code): the codes,
        standardised over known images.
        """
        code, reconstruction, pixels = self._reconstruct(images)
        error, scale = _squared(reconstruction - pixels), self.scale
        total = scale.total(self._surprises(code, error, pixels))
        excess = (total - scale.threshold) / (scale.threshold - scale.typical)
        return {
            "reconstruction": 255 * reconstruction,
            "reconstruction_error": error,
            "novelty": torch.sigmoid(_STEEPNESS * excess),
            "embedding": (code - self.mean) / self.deviation,
        }

    def surprises(self, images: Tensor) -> Tensor:
        """Return both surprises, float32 (B, 2), of uint8 (B, H, W, channels)."""
        code, reconstruction, pixels = self._reconstruct(images)
        return torch.stack(self._surprises(code, _squared(reconstruction - pixels), pixels), dim=1)

    def _reconstruct(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.network.encoder(images)
        return code, torch.sigmoid(self.network.decoder(code)), images.float() / 255

    def _surprises(self, code: Tensor, error: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        variance = _squared(pixels - pixels.mean((1, 2, 3), keepdim=True))
        return self.mixture(code), torch.log(error / (variance + _DARKEST) + 1e-4)


def _squared(images: Tensor) -> Tensor:
    """Return the mean square of each image, (B,)."""
    return images.square().mean((1, 2, 3))

"""How unlike its training data an image is, told by an autoencoder and the density of its codes."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from training.networks.convolutional.autoencoder import Autoencoder

_DARKEST = 1e-3  # added to an image's variance, white being 1: blank pages have none
_STEEPNESS = 4.0  # novelty is sigmoid(-4) = .018 where known data typically lies


class Mixture(nn.Module):
    """How improbable codes are: a mixture of k Gaussians over d principal axes of the codes.

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
    """What is usual over known data.

    means, deviations: of the two surprises. typical: the median of `total`. threshold: the
    total at which novelty is .5.
    """

    means: tuple[float, float] = (0.0, 0.0)
    deviations: tuple[float, float] = (1.0, 1.0)
    typical: float = 0.0
    threshold: float = 1.0

    def total(self, surprises: Any) -> Any:
        """Return the weighted sum of the two, in deviations from what is usual."""
        code, error = (
            (surprise - mean) / deviation
            for surprise, mean, deviation in zip(
                surprises, self.means, self.deviations, strict=True
            )
        )
        return 2 * code + error


class NoveltyDetector(nn.Module):
    """What the service runs: the autoencoder, and how surprising an image is to it.

    Two surprises are added, each in deviations from what is usual: how improbable the code is,
    which counts twice, and which share of the image's variance the reconstruction misses. The
    error alone finds a blank page normal: what has no strokes is easily drawn.

    mean, deviation: float32 (code,), of the codes of known data.
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
        """Return the values of `outputs`, in that order."""
        return tuple(self.outputs(*inputs).values())

    def outputs(self, images: Tensor) -> dict[str, Tensor]:
        """Return by name, all float32, of uint8 (B, H, W, channels)

        reconstruction (B, H, W, channels), 0..255; reconstruction_error (B,), its mean squared
        distance to the image, white being 1; novelty (B,), 0..1; embedding (B, code), the codes
        with mean 0 and deviation 1 over known data.
        """
        code, seen, pixels = self._seen(images)
        error, scale = _squared(seen - pixels), self.scale
        total = scale.total(self._surprises(code, error, pixels))
        sure = (total - scale.threshold) / (scale.threshold - scale.typical)
        return {
            "reconstruction": 255 * seen,
            "reconstruction_error": error,
            "novelty": torch.sigmoid(_STEEPNESS * sure),
            "embedding": (code - self.mean) / self.deviation,
        }

    def surprises(self, images: Tensor) -> Tensor:
        """Return both surprises, float32 (B, 2), of uint8 (B, H, W, channels)."""
        code, seen, pixels = self._seen(images)
        return torch.stack(self._surprises(code, _squared(seen - pixels), pixels), dim=1)

    def _seen(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.network.encoder(images)
        return code, torch.sigmoid(self.network.decoder(code)), images.float() / 255

    def _surprises(self, code: Tensor, error: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        variance = _squared(pixels - pixels.mean((1, 2, 3), keepdim=True))
        return self.mixture(code), torch.log(error / (variance + _DARKEST) + 1e-4)


def _squared(images: Tensor) -> Tensor:
    """Return the mean square of each image, (B,)."""
    return images.square().mean((1, 2, 3))

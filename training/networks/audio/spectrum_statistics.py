"""A linear classifier of sounds, on how loud each band of the spectrum is, and how it varies."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.audio.spectrogram import LogMel
from training.networks.heads.attribution import EVEN
from training.networks.heads.model_output import ModelOutput, centred_label_weights

_POOLED = 2  # bands, and frames, that one cell of the attribution is the sum of


class SpectrumStatistics(nn.Module):
    """Mean, deviation, movement and maximum of each band over time, then one linear layer.

    Input ``(B, N)``, int16 or float PCM; output logits ``(B, classes)`` float32. Only the last
    layer learns. The movement is the mean change from one frame to the next.

    Args:
        classes: number of logits.
        rate: samples per second of the PCM.
        bands: number of mel bands, even.
    """

    def __init__(self, *, classes: int, rate: int = 8000, bands: int = 40) -> None:
        super().__init__()
        self.spectrogram = LogMel(rate=rate, bands=bands)
        self.head = nn.Linear(4 * bands, classes)

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to logits ``(B, classes)``."""
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`. The attribution is exact: its sum is the label's logit, but for the biases.

        Each statistic is a sum over frames, and a frame has its own term of it.
        """
        level = self.spectrogram(pcm)
        distance = (level - level.mean(dim=2, keepdim=True)).square()
        deviation = (distance.mean(dim=2) + EVEN).sqrt()
        moved = functional.pad((level[:, :, 1:] - level[:, :, :-1]).abs(), (1, 0))
        peak = level.amax(dim=2)
        features = torch.cat([level.mean(dim=2), deviation, moved.mean(dim=2), peak], dim=1)

        def attribution(labels: Tensor) -> Tensor:
            weights = centred_label_weights(self.head.weight, labels)[:, :, None].chunk(4, dim=1)
            peaks = (level >= peak[:, :, None] - EVEN).float()
            terms = (
                level / level.shape[2],
                (distance + EVEN) / (deviation[:, :, None] * level.shape[2]),
                moved / level.shape[2],
                peak[:, :, None] * peaks / peaks.sum(dim=2, keepdim=True),
            )
            cells = sum(weight * term for weight, term in zip(weights, terms, strict=True))
            return _pooled(torch.as_tensor(cells))

        return ModelOutput(self.head(features), features, attribution)

    def bands(self) -> tuple[float, ...]:
        """Return the edges of the attribution's bands in Hz, the lowest first."""
        return tuple(round(float(edge), 1) for edge in self.spectrogram.edges[::_POOLED])


def _pooled(cells: Tensor) -> Tensor:
    """Sum cells (B, bands, frames) by twos along both axes; an odd last frame stays alone."""
    count, bands, frames = cells.shape
    even = functional.pad(cells, (0, frames % _POOLED))
    parts = even.reshape(count, bands // _POOLED, _POOLED, -1, _POOLED)
    return parts.sum(dim=(2, 4))

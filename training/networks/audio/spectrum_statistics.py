"""A classifier of sounds by how like their spectra are to those of training sounds.

How loud each band of the spectrum is, and how it varies, are numbers of a sound; the similarities
of its numbers to those of some training sounds are features, and one linear layer reads them: a
kernel logistic regression, on a subset of the samples (Williams and Seeger, "Using the Nyström
Method to Speed Up Kernel Machines", NIPS 2000). It has no steps to learn by.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.audio.spectrogram import LogMel
from training.networks.heads.attribution import EVEN
from training.networks.heads.model_output import ModelOutput, centred_label_weights

MOST_CENTRES = 512
_WIDTH = 0.3  # the kernel of z and c is exp(-_WIDTH · mean((z - c)²)); z and c are standardised
_FLAT = 1e-3  # an eigenvalue of the kernel matrix of the centres is taken as this at least
_POOLED = 2  # bands, and frames, that one cell of the attribution is the sum of
_NODES = 8  # of the quadrature of the attribution


class SpectrumStatistics(nn.Module):
    """Mean, deviation, movement and maximum of each band over time, a kernel, one linear layer.

    Input ``(B, N)``, int16 or float PCM; output logits ``(B, classes)`` float32. The movement is
    the mean change from one frame to the next. The statistics are standardised, and compared with
    those of the centres by a Gaussian kernel; the features are orthonormal under it. `set_centres`
    says what the centres are; the last layer learns.

    Args:
        classes: number of logits.
        rate: samples per second of the PCM.
        bands: number of mel bands, even.
    """

    average: Tensor
    deviation: Tensor
    centres: Tensor
    root: Tensor
    nodes: Tensor
    shares: Tensor

    def __init__(self, *, classes: int, rate: int = 8000, bands: int = 40) -> None:
        super().__init__()
        self.spectrogram = LogMel(rate=rate, bands=bands)
        self.register_buffer("average", torch.zeros(4 * bands))
        self.register_buffer("deviation", torch.ones(4 * bands))
        self.register_buffer("centres", torch.zeros(1, 4 * bands))
        self.register_buffer("root", torch.ones(1, 1))
        nodes, shares = np.polynomial.legendre.leggauss(_NODES)
        at = torch.from_numpy((nodes + 1) / 2).float()
        self.register_buffer("nodes", at, persistent=False)
        self.register_buffer("shares", torch.from_numpy(shares / 2).float(), persistent=False)
        self.head = nn.Linear(1, classes)

    def set_centres(self, statistics: Tensor) -> None:
        """Compare with these sounds from now on; the last layer begins anew.

        statistics: of some training sounds, ``(C, 4 · bands)`` float32, as `statistics` gives them.
        """
        numbers = statistics.double()
        self.average = numbers.mean(0).float()
        deviation = numbers.std(0, correction=0).float()
        self.deviation = torch.where(deviation < EVEN, torch.ones_like(deviation), deviation)
        self.centres = (statistics - self.average) / self.deviation
        values, vectors = torch.linalg.eigh(self._kernel(self.centres).double())
        self.root = (vectors * values.clamp(min=_FLAT).rsqrt() @ vectors.T).float()
        self.head = nn.Linear(len(statistics), self.head.out_features)

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to logits ``(B, classes)``."""
        return self.read(pcm).logits

    def statistics(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to the statistics of its bands, ``(B, 4 · bands)`` float32."""
        return torch.cat([terms.sum(2) for terms in _terms(self.spectrogram(pcm))], dim=1)

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`; the novelty score reads the statistics.

        The attribution is that of integrated gradients from a sound with the mean statistics
        (Sundararajan, Taly and Yan, ICML 2017), shared among the frames by their part of each
        statistic: its sum is how much the label's logit is above that sound's.
        """
        terms = _terms(self.spectrogram(pcm))
        numbers = (
            torch.cat([each.sum(2) for each in terms], dim=1) - self.average
        ) / self.deviation
        embedding = self._kernel(numbers) @ self.root

        def attribution(labels: Tensor) -> Tensor:
            weights = centred_label_weights(self.head.weight, labels) @ self.root
            slopes = (self._slopes(numbers, weights) / self.deviation)[:, :, None].chunk(4, dim=1)
            frames = terms[0].shape[2]
            means = (self.average / frames)[None, :, None].chunk(4, dim=1)
            parts = zip(slopes, terms, means, strict=True)
            return _pooled(
                torch.stack([slope * (term - mean) for slope, term, mean in parts]).sum(0)
            )

        return ModelOutput(self.head(embedding), embedding, attribution, ood_features=numbers)

    def bands(self) -> tuple[float, ...]:
        """Return the edges of the attribution's bands in Hz, the lowest first."""
        return tuple(round(float(edge), 1) for edge in self.spectrogram.edges[::_POOLED])

    def _kernel(self, numbers: Tensor) -> Tensor:
        """Return the similarities of standardised statistics (B, d) to the centres, (B, C)."""
        squares = numbers.square().sum(1, keepdim=True) + self.centres.square().sum(1)
        distances = (squares - 2 * numbers @ self.centres.T).clamp(min=0)
        return torch.exp(-_WIDTH / numbers.shape[1] * distances)

    def _slopes(self, numbers: Tensor, weights: Tensor) -> Tensor:
        """Return the mean gradient, (B, d), of Σ weights · kernel on the way from 0 to `numbers`.

        weights: (B, C). The gradient at t · numbers is a sum over the centres of their weight
        times (centre - t · numbers) times the kernel, which t makes a Gaussian.
        """
        scale = _WIDTH / numbers.shape[1]
        at, shares = self.nodes[:, None], self.shares[:, None]
        own = numbers.square().sum(1)[:, None, None] * at.square()
        across = (numbers @ self.centres.T)[:, None, :] * at
        squares = self.centres.square().sum(1)
        kernel = torch.exp(-scale * (own - 2 * across + squares)) * shares  # (B, nodes, C)
        towards = (weights * kernel.sum(1)) @ self.centres
        along = (weights * (kernel * at).sum(1)).sum(1, keepdim=True) * numbers
        return 2 * scale * (towards - along)


def _terms(level: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the terms whose sums over the frames are mean, deviation, movement and maximum.

    level: (B, bands, frames), as each of the four.
    """
    frames = level.shape[2]
    distance = (level - level.mean(dim=2, keepdim=True)).square() + EVEN
    deviation = distance.mean(dim=2, keepdim=True).sqrt()
    moved = functional.pad((level[:, :, 1:] - level[:, :, :-1]).abs(), (1, 0))
    peak = level.amax(dim=2, keepdim=True)
    peaks = (level >= peak - EVEN).float()
    share = peaks / peaks.sum(dim=2, keepdim=True)
    return level / frames, distance / (deviation * frames), moved / frames, peak * share


def _pooled(cells: Tensor) -> Tensor:
    """Sum cells (B, bands, frames) by twos along both axes; an odd last frame stays alone."""
    count, bands, frames = cells.shape
    even = functional.pad(cells, (0, frames % _POOLED))
    parts = even.reshape(count, bands // _POOLED, _POOLED, -1, _POOLED)
    return parts.sum(dim=(2, 4))

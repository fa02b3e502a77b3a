"""A convolutional network that classifies short sounds from raw PCM, by a log-mel spectrogram."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.heads.attribution import EVEN, backward, forward_with_inputs
from training.networks.heads.model_output import ModelOutput, averaged, centred_label_weights

LOW = 60.0  # Hz, the lower edge of the first mel band
FLOOR = 1e-5  # power, against the clip's strongest band and frame, that counts as silence
# Strength of the distortions in training.
STRETCH, BEND = 0.25, 0.08  # of the time axis, of the frequency axis
BAND_MASK, FRAME_MASK = 6, 10  # widest stripes, two of each


def mel_filters(*, bands: int, bins: int, rate: int, low: float, high: float) -> Tensor:
    """Return ``bands`` triangular filters from ``low`` to ``high`` Hz, even on the mel scale.

    The filters read ``bins`` DFT bins, from 0 Hz to ``rate / 2``.

    Returns:
        ``(bands, bins)`` float32; each row sums to 1.
    """
    edges = mel_edges(bands + 1, low=low, high=high)
    grid = torch.linspace(0.0, rate / 2, bins, dtype=torch.float64)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (grid - left) / (centre - left)
    falling = (right - grid) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0.0)
    # A filter narrower than a bin takes the bin nearest to its centre.
    nearest = functional.one_hot((grid - centre).abs().argmin(dim=1), bins)
    filters = torch.where(filters.sum(dim=1, keepdim=True) > 0.0, filters, nearest.double())
    return (filters / filters.sum(dim=1, keepdim=True)).float()


def mel_edges(bands: int, *, low: float, high: float) -> Tensor:
    """Return the edges of ``bands`` bands in Hz, even on the mel scale, (bands + 1) float64."""
    edges = torch.linspace(
        math.log1p(low / 700.0), math.log1p(high / 700.0), bands + 1, dtype=torch.float64
    )
    return 700.0 * torch.expm1(edges)


def fourier_kernels(*, window: int, size: int) -> Tensor:
    """Return the cosine and sine kernels of a DFT of ``size`` over a Hann window.

    Returns:
        ``(2 * (size // 2 + 1), 1, window)`` float32: cosines, then sines.
    """
    time = torch.arange(window, dtype=torch.float64)
    bins = torch.arange(size // 2 + 1, dtype=torch.float64)
    angle = 2.0 * math.pi * bins[:, None] * time / size
    hann = torch.hann_window(window, periodic=True, dtype=torch.float64)
    return torch.cat([angle.cos() * hann, angle.sin() * hann])[:, None, :].float()


class LogMel(nn.Module):
    """Log-mel spectrogram of PCM, independent of the level of loudness.

    Input ``(B, N)``, int16 or float PCM; output ``(B, bands, N // hop + 1)`` float32. Each clip has
    zero mean and unit variance. Frames are 25 ms long under a Hann window, one every 12.5 ms. It is
    a convolution with the DFT's basis, because ONNX's STFT is nine times as slow at this size and
    less exact.

    Args:
        rate: samples per second.
        bands: number of mel bands, from ``LOW`` Hz to just below half the rate.
    """

    kernels: Tensor
    filters: Tensor

    def __init__(self, *, rate: int = 8000, bands: int = 40) -> None:
        super().__init__()
        window, self.hop = rate // 40, rate // 80
        size = 1 << (window - 1).bit_length()
        high = 0.4875 * rate
        filters = mel_filters(bands=bands, bins=size // 2 + 1, rate=rate, low=LOW, high=high)
        self.edges = mel_edges(bands, low=LOW, high=high).tolist()
        self.register_buffer("kernels", fourier_kernels(window=window, size=size), persistent=False)
        self.register_buffer("filters", filters[:, :, None], persistent=False)

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to ``(B, bands, frames)``."""
        wave = pcm.to(torch.float32)
        wave = wave - wave.mean(dim=1, keepdim=True)
        wave = wave / wave.abs().amax(dim=1, keepdim=True).clamp(min=1.0)
        parts = functional.conv1d(
            wave[:, None, :], self.kernels, stride=self.hop, padding=self.kernels.shape[2] // 2
        )
        cosine, sine = parts.chunk(2, dim=1)
        mel = functional.conv1d(cosine.square() + sine.square(), self.filters)
        peak = mel.amax(dim=(1, 2), keepdim=True).clamp(min=1e-10)
        level = torch.log1p(mel / (peak * FLOOR))  # all zeros for silence
        level = level - level.mean(dim=(1, 2), keepdim=True)
        return level / (level.square().mean(dim=(1, 2), keepdim=True) + 1e-3).sqrt()


def warp_spectrogram(image: Tensor, *, stretch: float, bend: float) -> Tensor:
    """Scale the time axis and bend the frequency axis of images ``(B, 1, bands, frames)``.

    The time axis keeps its centre; its factor is log-uniform in
    ``1 / (1 + stretch)`` to ``1 + stretch``. The frequency axis keeps its two
    ends; its middle moves by up to ``bend`` (below 0.25) of the whole.
    """
    count, _, bands, frames = image.shape
    draws = torch.rand(2, count, 1, device=image.device) * 2.0 - 1.0
    across = torch.linspace(-1.0, 1.0, frames, device=image.device)
    across = across * torch.exp(draws[0] * math.log1p(stretch))
    down = torch.linspace(-1.0, 1.0, bands, device=image.device)
    down = down + 2.0 * bend * draws[1] * (1.0 - down.square())
    grid = torch.stack(
        [across[:, None, :].expand(-1, bands, -1), down[:, :, None].expand(-1, -1, frames)], dim=3
    )
    return functional.grid_sample(image, grid, padding_mode="border", align_corners=True)


def mask_stripe(image: Tensor, *, axis: int, widest: int) -> Tensor:
    """Blank a random stripe of 0 to ``widest`` rows or columns in each image.

    Images are ``(B, 1, bands, frames)``; ``axis`` is 2 for bands, 3 for frames.
    The stripe is set to 0, the spectrogram's mean.
    """
    count, length = image.shape[0], image.shape[axis]
    width = torch.rand(count, 1, device=image.device) * (widest + 1)
    start = torch.rand(count, 1, device=image.device) * (length - width)
    place = torch.arange(length, device=image.device)
    kept = (place < start.floor()) | (place >= start.floor() + width.floor())
    shape = [count, 1, 1, 1]
    shape[axis] = length
    return image * kept.view(shape)


class SpectrogramNet(nn.Module):
    """Log-mel spectrogram, then a small 2-D CNN, then the mean and maximum over time.

    Input ``(B, N)``, int16 or float PCM; output logits ``(B, classes)`` float32. In training mode
    the network warps and masks the spectrogram at random, by torch's global generator.

    Args:
        classes: number of logits.
        rate: samples per second of the PCM.
        bands: number of mel bands.
        width: channels of the first stage; stage k has k times as many.
        stages: number of stages; each halves both axes.
        hidden: channels after the convolution that merges the bands.
    """

    def __init__(
        self,
        *,
        classes: int,
        rate: int = 8000,
        bands: int = 40,
        width: int = 16,
        stages: int = 4,
        hidden: int = 96,
    ) -> None:
        super().__init__()
        self.spectrogram = LogMel(rate=rate, bands=bands)
        layers: list[nn.Module] = [nn.Conv2d(1, width, 5, stride=2, padding=2, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU()]
        for before in range(width, width * stages, width):
            after = before + width
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
        rows = (bands + 1) // 2**stages
        layers += [nn.Conv2d(width * stages, hidden, (rows, 3), padding=(0, 1), bias=False)]
        layers += [nn.BatchNorm2d(hidden), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1/3 faster
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * hidden, classes))

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to logits ``(B, classes)``."""
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`. The attribution is that of the first stage's output.

        It is gradient × activation, (B, 20, 41) for one second. The gradient of a maximum goes to
        the frames that have it.
        """
        return self.read_spectrogram(self.spectrogram(pcm)[:, None])

    def read_spectrogram(self, image: Tensor) -> ModelOutput:
        """As `read`, for spectrograms ``(B, 1, bands, frames)``."""
        if self.training:
            image = self.distort(image)
        out, given = forward_with_inputs(self.body, image)
        features = out.squeeze(2)
        pooled = torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)

        def attribution(labels: Tensor) -> Tensor:
            weight: Tensor = self.head[1].weight  # type: ignore[assignment]
            mean, peak = centred_label_weights(weight, labels)[:, :, None].chunk(2, dim=1)
            peaks = (features >= features.amax(dim=2, keepdim=True) - EVEN).float()
            shares = peaks / peaks.sum(dim=2, keepdim=True)
            gradient = (mean / features.shape[2] + peak * shares)[:, :, None]
            layers = list(self.body)
            return (backward(layers[3:], given[3:], gradient) * given[3]).sum(1)

        return ModelOutput(self.head(pooled), pooled, attribution)

    def bands(self) -> tuple[float, ...]:
        """Return the edges of the attribution's bands in Hz, the lowest first."""
        edges = self.spectrogram.edges
        return tuple(round(float(edges[i]), 1) for i in (*range(0, len(edges) - 1, 2), -1))

    def distort(self, image: Tensor) -> Tensor:
        """Warp and mask images ``(B, 1, bands, frames)`` at random."""
        image = warp_spectrogram(image, stretch=STRETCH, bend=BEND)
        for _ in range(2):
            image = mask_stripe(image, axis=2, widest=BAND_MASK)
            image = mask_stripe(image, axis=3, widest=FRAME_MASK)
        return image


class SpectrogramEnsemble(nn.Module):
    """An ensemble of networks that share one spectrogram; its logits are the members' mean.

    In training mode the output is (B, classes, members), and each member distorts the spectrogram
    on its own; else it is the mean logits (B, classes). All members have the same rate and bands.
    """

    def __init__(self, members: Sequence[SpectrogramNet]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to logits."""
        logits = torch.stack([output.logits for output in self._member_outputs(pcm)], 2)
        return logits if self.training else logits.mean(2)

    def read(self, pcm: Tensor) -> ModelOutput:
        """Return the members' mean logits and attribution, and their concatenated embeddings."""
        return averaged(self._member_outputs(pcm))

    def bands(self) -> tuple[float, ...]:
        """Return the edges of the bands, which all members share."""
        return self._first.bands()

    @property
    def _first(self) -> SpectrogramNet:
        first: SpectrogramNet = self.members[0]  # type: ignore[assignment]
        return first

    def _member_outputs(self, pcm: Tensor) -> list[ModelOutput]:
        image = self._first.spectrogram(pcm)[:, None]
        return [member.read_spectrogram(image) for member in self.members]  # type: ignore[operator]

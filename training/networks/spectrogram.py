"""A convolutional network that names a spoken clip from its raw PCM."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


def mel_filters(*, bands: int, bins: int, sample_rate: int, low: float, high: float) -> Tensor:
    """Return triangular filters, evenly spaced on the mel scale.

    Args:
        bands: number of filters.
        bins: number of DFT bins, from 0 Hz to ``sample_rate / 2``.
        sample_rate: in Hz.
        low: lower edge of the first filter, in Hz.
        high: upper edge of the last filter, in Hz.

    Returns:
        ``(bands, bins)`` float32; each row sums to 1.
    """
    edges = torch.linspace(
        math.log1p(low / 700.0), math.log1p(high / 700.0), bands + 2, dtype=torch.float64
    )
    edges = 700.0 * torch.expm1(edges)
    grid = torch.linspace(0.0, sample_rate / 2, bins, dtype=torch.float64)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (grid - left) / (centre - left)
    falling = (right - grid) / (right - centre)
    filters = torch.minimum(rising, falling).clamp(min=0.0)
    # A filter narrower than a bin takes the bin nearest to its centre.
    nearest = functional.one_hot((grid - centre).abs().argmin(dim=1), bins)
    filters = torch.where(filters.sum(dim=1, keepdim=True) > 0.0, filters, nearest.double())
    return (filters / filters.sum(dim=1, keepdim=True)).float()


def fourier_kernels(*, window: int, size: int) -> Tensor:
    """Return the cosine and sine kernels of a Hann-windowed DFT.

    Args:
        window: samples under the Hann window.
        size: length of the DFT, at least ``window``: the rest is zeros.

    Returns:
        ``(2 * (size // 2 + 1), 1, window)`` float32: cosines, then sines.
    """
    time = torch.arange(window, dtype=torch.float64)
    bins = torch.arange(size // 2 + 1, dtype=torch.float64)
    angle = 2.0 * math.pi * bins[:, None] * time / size
    hann = torch.hann_window(window, periodic=True, dtype=torch.float64)
    return torch.cat([angle.cos() * hann, angle.sin() * hann])[:, None, :].float()


class LogMel(nn.Module):
    """Log-mel spectrogram of PCM, the same at any level of loudness.

    Input ``(B, N)``, int16 or float PCM; output ``(B, bands, N // hop + 1)``
    float32. Each clip has zero mean and unit variance.

    Args:
        sample_rate: in Hz.
        window: samples under the Hann window.
        size: length of the DFT.
        hop: samples from one frame to the next.
        bands: number of mel bands.
        low: lower edge of the first band, in Hz.
        high: upper edge of the last band, in Hz.
        floor: power, against the clip's strongest band and frame, below which all is silence.
    """

    def __init__(
        self,
        *,
        sample_rate: int = 8000,
        window: int = 200,
        size: int = 256,
        hop: int = 100,
        bands: int = 40,
        low: float = 60.0,
        high: float = 3900.0,
        floor: float = 1e-5,
    ) -> None:
        super().__init__()
        self.hop = hop
        self.floor = floor
        bins = size // 2 + 1
        filters = mel_filters(bands=bands, bins=bins, sample_rate=sample_rate, low=low, high=high)
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
        level = torch.log1p(mel / (peak * self.floor))  # All zeros where all is silence.
        level = level - level.mean(dim=(1, 2), keepdim=True)
        return level / (level.square().mean(dim=(1, 2), keepdim=True) + 1e-3).sqrt()


def warp(image: Tensor, *, stretch: float, bend: float) -> Tensor:
    """Scale each spectrogram's time axis and bend its frequency axis at random.

    The time axis keeps its centre; its factor is log-uniform in
    ``1 / (1 + stretch)`` to ``1 + stretch``. The frequency axis keeps its two
    ends; its middle moves by up to ``bend`` of the whole.

    Args:
        image: ``(B, 1, bands, frames)``.
        stretch: greatest change of tempo.
        bend: greatest displacement of the middle band, in shares of the axis.
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


def mask(image: Tensor, *, axis: int, widest: int) -> Tensor:
    """Blank a random stripe of 0 to ``widest`` rows or columns in each image.

    Args:
        image: ``(B, 1, bands, frames)``; the stripe is set to 0, the mean.
        axis: 2 for bands, 3 for frames.
        widest: greatest width of the stripe.
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
    """Log-mel spectrogram, then a small 2-D CNN, then the mean and peak over time.

    Input ``(B, N)``, int16 or float PCM; output logits ``(B, classes)`` float32.
    In training mode the spectrogram is warped and masked at random.
    """

    def __init__(
        self,
        *,
        classes: int = 10,
        bands: int = 40,
        window: int = 200,
        hop: int = 100,
        floor: float = 1e-5,
        channels: tuple[int, ...] = (16, 32, 48, 64),
        hidden: int = 96,
        dropout: float = 0.3,
        stretch: float = 0.25,
        bend: float = 0.08,
        band_mask: int = 6,
        frame_mask: int = 10,
    ) -> None:
        super().__init__()
        self.stretch, self.bend = stretch, bend
        self.band_mask, self.frame_mask = band_mask, frame_mask
        self.spectrogram = LogMel(bands=bands, window=window, hop=hop, floor=floor)
        layers: list[nn.Module] = []
        before = 1
        for after in channels:
            if before == 1:
                layers += [nn.Conv2d(1, after, 5, stride=2, padding=2, bias=False)]
            else:
                layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        rows = (bands + 1) // 2 // 2 ** (len(channels) - 1)
        layers += [nn.Conv2d(before, hidden, (rows, 3), padding=(0, 1), bias=False)]
        layers += [nn.BatchNorm2d(hidden), nn.ReLU()]
        self.body = nn.Sequential(*layers).to(memory_format=torch.channels_last)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * hidden, classes))

    def forward(self, pcm: Tensor) -> Tensor:
        """Map PCM ``(B, N)`` to logits ``(B, classes)``."""
        image = self.spectrogram(pcm)[:, None]
        if self.training:
            image = warp(image, stretch=self.stretch, bend=self.bend)
            for _ in range(2):
                image = mask(image, axis=2, widest=self.band_mask)
                image = mask(image, axis=3, widest=self.frame_mask)
        features = self.body(image).squeeze(2)
        pooled = torch.cat([features.mean(dim=2), features.amax(dim=2)], dim=1)
        return self.head(pooled)

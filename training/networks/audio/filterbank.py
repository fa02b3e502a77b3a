"""The filter banks of Kaldi and of Whisper as layers, for backbones that were trained on them.

A spectrum is a convolution with the DFT's basis, as in `training.networks.audio.spectrogram`; the
kernels contain every linear step before the DFT.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.networks.audio.spectrogram import fourier_kernels
from training.networks.audio.waveform import Sound

KALDI_RATE = 16_000  # Hz; the frames below are the library's at this rate
HOP = 160  # samples from frame to frame
KALDI_FRAME, KALDI_SIZE = 400, 512  # samples of a frame, of the DFT
_EMPHASIS = 0.97
_KALDI_FLOOR = 1.192092955078125e-07  # of a band's power
WHISPER_FRAME = 400
_WHISPER_FLOOR, _RANGE = 1e-10, 8.0  # power; powers of ten below the loudest


def kaldi_kernels() -> Tensor:
    """Return the DFT kernels with Kaldi's offset removal, pre-emphasis and symmetric Hann window.

    Returns:
        ``(2 * (KALDI_SIZE // 2 + 1), 1, KALDI_FRAME)`` float32: cosines, then sines.
    """
    time = torch.arange(KALDI_FRAME, dtype=torch.float64)
    offset = torch.eye(KALDI_FRAME, dtype=torch.float64) - 1 / KALDI_FRAME
    earlier = offset[(time.long() - 1).clamp(min=0)]  # the first sample is its own
    window = torch.hann_window(KALDI_FRAME, periodic=False, dtype=torch.float64)
    angle = 2 * math.pi * torch.arange(KALDI_SIZE // 2 + 1)[:, None] * time / KALDI_SIZE
    fourier = torch.cat([angle.cos(), angle.sin()]) * window
    return (fourier @ (offset - _EMPHASIS * earlier))[:, None, :].float()


class KaldiFilterbank(nn.Module):
    """Kaldi's log-mel filter bank, padded and normalised as ASTFeatureExtractor does it.

    There are always `frames` frames, 10 ms apart. Frames after the sound are 0 before the
    normalisation, which is (x - mean) / scale. A longer sound is cut.

    Args:
        filters: ``(KALDI_SIZE // 2 + 1, bands)``.
    """

    kernels: Tensor
    filters: Tensor

    def __init__(self, filters: Tensor, *, frames: int, mean: float, scale: float) -> None:
        super().__init__()
        self._frames, self._mean, self._scale = frames, mean, scale
        self.register_buffer("kernels", kaldi_kernels(), persistent=False)
        self.register_buffer("filters", filters.T[:, :, None].float(), persistent=False)

    def forward(self, sound: Sound) -> Tensor:
        """Return ``(B, frames, bands)`` float32."""
        power = _power(sound.wave, self.kernels, self.filters)
        level = power.clamp(min=_KALDI_FLOOR).log()[:, :, : self._frames]
        place = torch.arange(level.shape[2], device=level.device)
        whole = place * HOP + KALDI_FRAME <= sound.length[:, None]
        level = functional.pad(level * whole[:, None], (0, self._frames - level.shape[2]))
        return ((level - self._mean) / self._scale).transpose(1, 2)


class WhisperFilterbank(nn.Module):
    """The log-mel spectrogram of WhisperFeatureExtractor, over `samples` samples with padding.

    Args:
        filters: ``(WHISPER_FRAME // 2 + 1, bands)``.
    """

    kernels: Tensor
    filters: Tensor

    def __init__(self, filters: Tensor, *, samples: int) -> None:
        super().__init__()
        self._samples = samples
        kernels = fourier_kernels(window=WHISPER_FRAME, size=WHISPER_FRAME)
        self.register_buffer("kernels", kernels, persistent=False)
        self.register_buffer("filters", filters.T[:, :, None].float(), persistent=False)

    def forward(self, sound: Sound) -> Tensor:
        """Return ``(B, bands, samples // HOP)`` float32 of windows of at most `samples`."""
        wave = functional.pad(sound.wave, (0, self._samples - sound.wave.shape[1]))
        half = WHISPER_FRAME // 2
        wave = functional.pad(wave[:, None], (half, half), mode="reflect")[:, 0]
        power = _power(wave, self.kernels, self.filters)[:, :, : self._samples // HOP]
        level = power.clamp(min=_WHISPER_FLOOR).log() / math.log(10)
        return (torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - _RANGE) + 4.0) / 4.0


def _power(wave: Tensor, kernels: Tensor, filters: Tensor) -> Tensor:
    """Return the power in bands, (B, bands, frames), of whole frames of `wave` (B, N)."""
    cosine, sine = functional.conv1d(wave[:, None], kernels, stride=HOP).chunk(2, dim=1)
    return functional.conv1d(cosine.square() + sine.square(), filters)

"""Augmentation of batches of sounds, on raw PCM.

Every function is pure: it returns a new batch, and takes all randomness from the given
``torch.Generator``, so that a run can be repeated. Clips are ``(B, N)`` float32 in units of int16
PCM.
"""

import math

import torch
from torch import Tensor

AUGMENTED_SHARE = 0.7  # of the clips are altered
SPEED = (0.75, 1.35)  # least and greatest factor of speed and pitch
SHIFT = 0.1  # greatest displacement either way, in shares of the clip
EQ_DB = 6.0  # standard deviation of each ripple of the channel's gain
ECHO_SHARE, NOISE_SHARE = 0.3, 0.7  # of the altered clips
SNR_DB = (5.0, 40.0)  # least and greatest signal-to-noise ratio


def augment_audio(pcm: Tensor, generator: torch.Generator, *, rate: int = 8000) -> Tensor:
    """Return a copy of a batch of clips, `AUGMENTED_SHARE` of them altered at random.

    The changes are, in this order: speed together with pitch (and so formants), position in time,
    the channel's equalisation and echo, background noise, level. The unaltered share keeps the
    accuracy on the speakers of the training data.

    Args:
        pcm: clips, ``(B, N)``, int16 or float in int16 units.
        generator: the source of all randomness.
        rate: samples per second.

    Returns:
        ``(B, N)`` float32: whole numbers within int16.
    """
    original = pcm.to(torch.float32)
    clips = resample(original, generator, speed=SPEED, shift=SHIFT)
    clips = colour(clips, generator, rate=rate)
    clips = add_noise(clips, generator)
    clips = set_level(clips, generator)
    return torch.where(uniform(generator, len(clips), 0.0, 1.0) < AUGMENTED_SHARE, clips, original)


def uniform(generator: torch.Generator, size: int, low: float, high: float) -> Tensor:
    """Return ``(size, 1)`` float32 draws from [low, high)."""
    return low + (high - low) * torch.rand(size, 1, generator=generator)


def resample(
    clips: Tensor, generator: torch.Generator, *, speed: tuple[float, float], shift: float
) -> Tensor:
    """Play each clip faster or slower about its centre, and move it in time.

    The factor is log-uniform in ``speed``. Samples are interpolated by a cubic (Catmull-Rom);
    outside the clip there is silence.
    """
    count, length = clips.shape
    factor = uniform(generator, count, math.log(speed[0]), math.log(speed[1])).exp()
    offset = uniform(generator, count, -shift, shift) * length
    middle = (length - 1) / 2
    place = (torch.arange(length) - middle) * factor + middle + offset
    place = place.clamp(-2.0, length + 1.0) + 3.0  # index into the padded clip below
    padded = torch.nn.functional.pad(clips, (3, 4))
    whole = place.floor()
    t = place - whole
    index = whole.to(torch.int64)
    before, here, after, beyond = (padded.gather(1, index + k) for k in (-1, 0, 1, 2))
    slope = (after - before) * 0.5
    next_slope = (beyond - here) * 0.5
    step = after - here
    cubic = slope + next_slope - 2.0 * step
    square = 3.0 * step - 2.0 * slope - next_slope
    return ((cubic * t + square) * t + slope) * t + here


def colour(clips: Tensor, generator: torch.Generator, *, rate: int) -> Tensor:
    """Pass each clip through a random channel: a smooth equaliser and an echo.

    The equaliser is a sum of four cosines along a warped frequency axis, which covers the tilts and
    broad peaks of microphones and rooms. The echo is an exponentially decaying noise tail of 0.03
    to 0.3 s.
    """
    count, length = clips.shape
    tail_size = int(0.3 * rate)
    size = length + tail_size
    axis = torch.linspace(0.0, 1.0, size // 2 + 1).sqrt()
    waves = torch.cos(math.pi * torch.arange(1, 5)[:, None] * axis)  # (4, F)
    weights = EQ_DB * torch.randn(count, 4, generator=generator)
    gain = torch.exp((weights * (math.log(10.0) / 20.0)) @ waves)

    time = torch.arange(tail_size) / rate
    decay = uniform(generator, count, math.log(0.03), math.log(0.3)).exp()
    tail = torch.randn(count, tail_size, generator=generator) * torch.exp(-6.9 * time / decay)
    loudness = uniform(generator, count, 0.1, 0.8)
    chosen = uniform(generator, count, 0.0, 1.0) < ECHO_SHARE
    tail = tail / tail.norm(dim=1, keepdim=True) * loudness * chosen
    tail[:, 0] += 1.0  # The direct sound.
    response = torch.fft.rfft(tail, size) * gain
    return torch.fft.irfft(torch.fft.rfft(clips, size) * response, size)[:, :length]


def add_noise(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Add steady noise, from white to red, to a share of the clips.

    Power falls as frequency to the power -2..0. The signal-to-noise ratio is that of the clip's
    mean power over the whole window.
    """
    count, length = clips.shape
    bins = length // 2 + 1
    shape = torch.randn(count, bins, 2, generator=generator)
    slope = uniform(generator, count, 0.0, 1.0)
    tilt = torch.arange(bins).clamp(min=length // 100) ** -slope
    noise = torch.fft.irfft(torch.view_as_complex(shape) * tilt, length)
    snr = 10.0 ** (uniform(generator, count, *SNR_DB) / 20.0)
    chosen = uniform(generator, count, 0.0, 1.0) < NOISE_SHARE
    scale = clips.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True) / snr
    return clips + noise * scale * chosen


def set_level(clips: Tensor, generator: torch.Generator) -> Tensor:
    """Scale each clip to a random peak, -40 to 0 dB of full scale; round to whole numbers."""
    peak = clips.abs().amax(dim=1, keepdim=True).clamp(min=1.0)
    wanted = 32767.0 * 10.0 ** (uniform(generator, len(clips), -40.0, 0.0) / 20.0)
    return (clips * (wanted / peak)).round()

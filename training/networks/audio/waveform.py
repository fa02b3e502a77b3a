"""PCM in a centred window → a sound that begins at its first sample, with values in [-1, 1).

That is the input that the backbones of the library `transformers` were trained on.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

_FULL_SCALE = 32768.0
_FLAT = 1e-7  # added to the variance, as the library's extractors do


class Sound(NamedTuple):
    """Sounds that begin at the first sample of their windows.

    wave: float32 (B, N) in [-1, 1), zeros after the sound. length: int64 (B,), samples of the
    sound. before: int64 (B,), samples of silence that stood before it in the window.
    """

    wave: Tensor
    length: Tensor
    before: Tensor

    @property
    def within(self) -> Tensor:
        """The mask of the sound's samples, bool (B, N)."""
        return torch.arange(self.wave.shape[1], device=self.wave.device) < self.length[:, None]


def uncentred(pcm: Tensor) -> Sound:
    """Return the sounds of windows `pcm`, (B, N) int16 or float PCM.

    The service centres a sound that is shorter than its window between zeros; the library's
    extractors read the sound alone. So the function removes an equal number of zeros from both
    ends; further zeros at one end belong to the sound. Silence stays whole.
    """
    wave = pcm.to(torch.float32)
    size = wave.shape[1]
    heard = (wave != 0).to(torch.float32)
    ends = torch.stack([heard.argmax(1), heard.flip(1).argmax(1)])
    before = ends.amin(0)
    length = size - 2 * before - (ends[1] > ends[0]).to(torch.int64)  # an odd zero is at the end
    place = torch.arange(size, device=wave.device)
    moved = wave.gather(1, (place + before[:, None]).clamp(max=size - 1))
    return Sound(moved * (place < length[:, None]) / _FULL_SCALE, length, before)


class Waveform(nn.Module):
    """The input of wav2vec 2.0 and similar models: samples, standardised if `even`.

    That is the option `do_normalize` of Wav2Vec2FeatureExtractor: zero mean and unit variance over
    the sound alone, with zeros after it.
    """

    def __init__(self, *, even: bool) -> None:
        super().__init__()
        self._even = even

    def forward(self, sound: Sound) -> Tensor:
        """Return values (B, N) float32."""
        if not self._even:
            return sound.wave
        length = sound.length[:, None].to(torch.float32)
        centred = (sound.wave - sound.wave.sum(1, keepdim=True) / length) * sound.within
        variance = centred.square().sum(1, keepdim=True) / length
        return centred / (variance + _FLAT).sqrt()

"""A sound as others' networks were fed it: from its first sample on, as values in [-1, 1)."""

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
        """Which samples are the sound's, bool (B, N)."""
        return torch.arange(self.wave.shape[1], device=self.wave.device) < self.length[:, None]


def uncentred(pcm: Tensor) -> Sound:
    """Return sounds of windows `pcm`, (B, N) int16 or float PCM.

    The service centres a sound that is shorter than its window in zeros; the library's extractors
    hear the sound alone. So zeros are taken off both ends, as many as there are at both: those at
    one end only are the sound's own. Of silence all is kept.
    """
    wave = pcm.to(torch.float32)
    size = wave.shape[1]
    heard = (wave != 0).to(torch.float32)
    ends = torch.stack([heard.argmax(1), heard.flip(1).argmax(1)])
    before = ends.amin(0)
    length = size - 2 * before - (ends[1] > ends[0]).to(torch.int64)  # one more stands after it
    place = torch.arange(size, device=wave.device)
    moved = wave.gather(1, (place + before[:, None]).clamp(max=size - 1))
    return Sound(moved * (place < length[:, None]) / _FULL_SCALE, length, before)


class Waveform(nn.Module):
    """What wav2vec 2.0 and its kin are fed: samples, of zero mean and unit variance if `even`.

    That is Wav2Vec2FeatureExtractor's `do_normalize`, by the sound alone; zeros stand after it.
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

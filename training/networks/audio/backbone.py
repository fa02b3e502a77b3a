"""Backbones of the library `transformers` for sounds, fed with the PCM of the service's encoder.

What the library's feature extractors do to a sound is done in the graph. The embedding is what
the architecture sums a sound up by: the mean of two tokens, or of the states of the frames in
which the sound is heard.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from training.networks.audio.waveform import Sound, uncentred
from training.networks.heads.model_output import ModelOutput, centred_label_weights

# By `model_type` in config.json.
SPECTROGRAMS = ("audio-spectrogram-transformer",)
WAVEFORMS = ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio")
SPEECH = ("whisper",)
SOUNDS = (*SPECTROGRAMS, *WAVEFORMS, *SPEECH)


@dataclass(frozen=True, slots=True)
class Framing:
    """Into what a backbone divides a sound: frames of `step` samples at `rate` Hz.

    count: samples of sounds → their frames, both int64 (B,). masked: whether the backbone is told
    where a sound ends; else it hears zeros after it, as in its own training.
    """

    count: Callable[[Tensor], Tensor]
    step: int
    rate: int
    masked: bool = False


class SpectrogramBackbone(nn.Module):
    """PCM → filter bank → an audio spectrogram transformer → one linear layer.

    It reads as many frames as it was trained on (`max_length` of its configuration), however short
    the window is: its table of positions stays whole, and a shorter sound is padded as its
    extractor pads it. So it answers as the library does, and one second costs what ten do.
    """

    def __init__(self, model: nn.Module, features: nn.Module, *, size: int, classes: int) -> None:
        super().__init__()
        self.model, self.features = model, features
        self.head = nn.Linear(size, classes)

    def forward(self, pcm: Tensor) -> Tensor:
        """Return logits (batch, classes) of PCM (batch, samples), int16 or float."""
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`. The embedding is of two tokens, so no place of the sound has evidence."""
        pooled: Tensor = self.model(self.features(uncentred(pcm))).pooler_output
        return ModelOutput(self.head(pooled), pooled)


class FrameBackbone(nn.Module):
    """PCM → features → a backbone of frames → one linear layer over the mean of their states."""

    def __init__(
        self, model: nn.Module, features: nn.Module, framing: Framing, *, size: int, classes: int
    ) -> None:
        super().__init__()
        self.model, self.features, self._framing = model, features, framing
        self.head = nn.Linear(size, classes)

    def forward(self, pcm: Tensor) -> Tensor:
        """Return logits (batch, classes) of PCM (batch, samples), int16 or float."""
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`. The evidence is what each frame's state adds, in one band of all Hz."""
        sound = uncentred(pcm)
        mask = sound.within.to(torch.int64) if self._framing.masked else None
        states: Tensor = self.model(self.features(sound), attention_mask=mask).last_hidden_state
        count = self._framing.count(sound.length).clamp(min=1)[:, None]
        place = torch.arange(states.shape[1], device=states.device)
        shares = (place < count) / count.to(states.dtype)
        pooled = (states * shares[:, :, None]).sum(1)
        return ModelOutput(
            self.head(pooled), pooled, partial(self._attribution, sound, states, shares)
        )

    def bands(self) -> tuple[float, ...]:
        """Return the edges of the evidence's one band, in Hz."""
        return (0.0, self._framing.rate / 2)

    def _attribution(self, sound: Sound, states: Tensor, shares: Tensor, labels: Tensor) -> Tensor:
        """Return the frames' evidence where the sound stands in its window, (B, 1, frames)."""
        weights = centred_label_weights(self.head.weight, labels)[:, :, None]
        told = (states @ weights).squeeze(2) * shares
        frames = -(-sound.wave.shape[1] // self._framing.step)
        start = sound.before // self._framing.step
        place = torch.arange(frames, device=told.device) - start[:, None]
        inside = (place >= 0) & (place < told.shape[1])
        return (told.gather(1, place.clamp(0, told.shape[1] - 1)) * inside)[:, None]

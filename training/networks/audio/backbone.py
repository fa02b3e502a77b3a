"""Audio backbones of the library `transformers`, which read the PCM of the service's encoder.

The graph contains what the library's feature extractors compute. The embedding is the summary that
the architecture uses: the mean of two tokens, or the mean of the states of the sound's frames.
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
    """How a backbone divides a sound into frames of `step` samples at `rate` Hz.

    count: maps numbers of samples to numbers of frames, both int64 (B,). masked: whether the
    backbone gets a mask of the sound; else it reads zeros after the sound, as in its own training.
    """

    count: Callable[[Tensor], Tensor]
    step: int
    rate: int
    masked: bool = False


class SpectrogramBackbone(nn.Module):
    """PCM → filter bank → an audio spectrogram transformer → one linear layer.

    It always reads the number of frames that it was trained on (`max_length` of its configuration):
    it pads a shorter sound as the library's extractor does, and keeps its whole table of positions.
    So its outputs equal the library's, and one second takes as long as ten.
    """

    def __init__(self, model: nn.Module, features: nn.Module, *, size: int, classes: int) -> None:
        super().__init__()
        self.model, self.features = model, features
        self.head = nn.Linear(size, classes)

    def forward(self, pcm: Tensor) -> Tensor:
        """Return logits (batch, classes) of PCM (batch, samples), int16 or float."""
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        """As `forward`. There is no attribution: the embedding comes from two tokens."""
        pooled: Tensor = self.model(self.features(uncentred(pcm))).pooler_output
        return ModelOutput(self.head(pooled), pooled)


class FrameBackbone(nn.Module):
    """PCM → features → a backbone of frames → one linear layer on the mean of their states."""

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
        """As `forward`. The attribution is what each frame adds, in one band of all frequencies."""
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
        """Return the edges of the attribution's one band, in Hz."""
        return (0.0, self._framing.rate / 2)

    def _attribution(self, sound: Sound, states: Tensor, shares: Tensor, labels: Tensor) -> Tensor:
        """Return the frames' attribution at the sound's position in its window, (B, 1, frames)."""
        weights = centred_label_weights(self.head.weight, labels)[:, :, None]
        values = (states @ weights).squeeze(2) * shares
        frames = -(-sound.wave.shape[1] // self._framing.step)
        start = sound.before // self._framing.step
        place = torch.arange(frames, device=values.device) - start[:, None]
        inside = (place >= 0) & (place < values.shape[1])
        return (values.gather(1, place.clamp(0, values.shape[1] - 1)) * inside)[:, None]

"""A folder of the library `transformers` with an audio model: its extractor becomes layers.

The rate in preprocessor_config.json becomes that of an `AudioSpec`. Its window is the longest that
the model reads; the training samples may shorten it.
"""

import math
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from app.modalities.audio.spec import AudioSpec
from training.errors import TrainingError
from training.modalities.audio import MAX_SOUND_SECONDS
from training.networks.audio.backbone import (
    SPECTROGRAMS,
    WAVEFORMS,
    FrameBackbone,
    Framing,
    SpectrogramBackbone,
)
from training.networks.audio.filterbank import (
    HOP,
    KALDI_FRAME,
    KALDI_RATE,
    KALDI_SIZE,
    WHISPER_FRAME,
    KaldiFilterbank,
    WhisperFilterbank,
)
from training.networks.audio.waveform import Waveform
from training.transfer.trained_network import TrainedNetwork
from training.transfer.transformers_library import (
    PREPROCESSING,
    empty_model,
    load_model,
    load_model_weights,
    read_preprocessing,
)

# Of ASTFeatureExtractor, where the file does not say.
_AST_MEAN, _AST_STD = -4.2677393, 4.5689974


def sounds_from(folder: Path, name: str, kind: str) -> TrainedNetwork:
    """Return the backbone of a folder with a model type of `SOUNDS`; raise `TrainingError`."""
    steps = read_preprocessing(folder, "feature_extractor")
    rate = int(steps.get("sampling_rate", KALDI_RATE))
    if kind not in WAVEFORMS and rate != KALDI_RATE:
        raise TrainingError(
            f"--from {name}: {PREPROCESSING} says {rate} Hz; {KALDI_RATE} are known"
        )
    model = load_model(folder, name)
    if kind in SPECTROGRAMS:
        return _spectrograms(model, steps, name)
    return _waveforms(model, steps, name) if kind in WAVEFORMS else _speech(model, steps, name)


def _spectrograms(model: nn.Module, steps: dict[str, Any], name: str) -> TrainedNetwork:
    config: Any = model.config
    for key in ("num_mel_bins", "max_length"):
        if (said := steps.get(key, getattr(config, key))) != (reads := getattr(config, key)):
            raise TrainingError(
                f"--from {name}: {PREPROCESSING} says {key} {said}, the model reads {reads}"
            )
    filters = _filters(
        KALDI_SIZE, config.num_mel_bins, low=20, scale="kaldi", triangularize_in_mel_space=True
    )
    plain = not steps.get("do_normalize", True)
    mean = 0.0 if plain else steps.get("mean", _AST_MEAN)
    scale = 1.0 if plain else 2 * steps.get("std", _AST_STD)

    def build(labels: int) -> nn.Module:
        bank = KaldiFilterbank(filters, frames=config.max_length, mean=mean, scale=scale)
        empty = empty_model(model)
        return SpectrogramBackbone(empty, bank, size=config.hidden_size, classes=labels)

    samples = KALDI_FRAME + HOP * (config.max_length - 1)
    return _source(name, AudioSpec(rate=KALDI_RATE, samples=samples), build, model)


def _waveforms(model: nn.Module, steps: dict[str, Any], name: str) -> TrainedNetwork:
    config: Any = model.config
    if getattr(config, "add_adapter", False):
        raise TrainingError(f"--from {name}: a model with an adapter is not supported")
    # Our augmentation replaces the model's own masks and skipped layers: these draw from a
    # generator that we do not seed, and fail on short sounds.
    config.apply_spec_augment, config.layerdrop = False, 0.0
    rate = int(steps.get("sampling_rate", KALDI_RATE))
    framing = Framing(
        count=partial(_convolved, sizes=tuple(config.conv_kernel), steps=tuple(config.conv_stride)),
        step=math.prod(config.conv_stride),
        rate=rate,
        masked=bool(steps.get("return_attention_mask", False)),
    )
    even = bool(steps.get("do_normalize", True))

    def build(labels: int) -> nn.Module:
        features, size = Waveform(even=even), config.hidden_size
        return FrameBackbone(empty_model(model), features, framing, size=size, classes=labels)

    return _source(
        name, AudioSpec(rate=rate, samples=round(MAX_SOUND_SECONDS * rate)), build, model
    )


def _speech(model: nn.Module, steps: dict[str, Any], name: str) -> TrainedNetwork:
    encoder: Any = model.get_encoder()  # type: ignore[operator]
    config: Any = model.config
    config.encoder_layerdrop = 0.0
    filters = _filters(WHISPER_FRAME, config.num_mel_bins, low=0, scale="slaney", norm="slaney")
    frame = 2 * HOP  # the second convolution halves
    samples = frame * config.max_source_positions
    framing = Framing(lambda length: (length + frame - 1) // frame, frame, KALDI_RATE)

    def build(labels: int) -> nn.Module:
        bank = WhisperFilterbank(filters, samples=samples)
        empty = empty_model(model).get_encoder()  # type: ignore[operator]
        return FrameBackbone(empty, bank, framing, size=config.d_model, classes=labels)

    return _source(name, AudioSpec(rate=KALDI_RATE, samples=samples), build, encoder)


def _convolved(length: Tensor, sizes: Sequence[int], steps: Sequence[int]) -> Tensor:
    """Return the output lengths of convolutions of these sizes and steps, int64 (B,)."""
    for size, step in zip(sizes, steps, strict=True):
        length = (length - size) // step + 1
    return length


def _source(
    name: str, spec: AudioSpec, build: Callable[[int], nn.Module], model: nn.Module
) -> TrainedNetwork:
    return TrainedNetwork(
        name, spec, build, partial(load_model_weights, model=model), resizable=True
    )


def _filters(size: int, bands: int, *, low: int, scale: str, **options: Any) -> Tensor:
    """Return the library's filters over the bins of a DFT, (size // 2 + 1, bands) float64."""
    from transformers.audio_utils import mel_filter_bank

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some bands lie between two bins
        filters = mel_filter_bank(
            num_frequency_bins=size // 2 + 1,
            num_mel_filters=bands,
            min_frequency=low,
            max_frequency=KALDI_RATE // 2,
            sampling_rate=KALDI_RATE,
            mel_scale=scale,
            **options,
        )
    return torch.from_numpy(filters)

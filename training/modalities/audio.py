"""Sounds in training: networks on the spectrogram, and silence in place of removed cells."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from scipy.signal import istft, stft  # type: ignore[import-untyped]
from torch import nn

from app.bundle import EncoderSpec
from app.bundle.tensors import Arrays
from app.errors import InvalidInput
from app.modalities.audio import AUDIO
from app.modalities.audio.encoder import duration
from app.modalities.audio.spec import AudioSpec
from training.augmentation.audio import augment_audio
from training.baselines.linear import SOUND_BASELINE
from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.evenly import evenly_by_label
from training.data.fingerprints import SOUND_RATE, sound_fingerprint, sound_type
from training.exporting.card.inputs import InputCard
from training.exporting.card.maps import draw_sounds
from training.exporting.graph import run_network
from training.fitting.fit import Augment
from training.measuring.faithfulness import Remove, cell_indices
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.audio.spectrogram import SpectrogramNet
from training.networks.audio.spectrum_statistics import MOST_CENTRES, SpectrumStatistics

MAX_SOUND_SECONDS = 10.0  # seconds of sound that the network reads, at most
_RATE = SOUND_RATE
_SUFFIXES = (
    {".flac": "audio/flac", ".ogg": "audio/ogg", ".oga": "audio/ogg", ".opus": "audio/ogg"}
    | {".aif": "audio/aiff", ".aiff": "audio/aiff", ".aifc": "audio/aiff", ".au": "audio/basic"}
    | {".caf": "audio/x-caf", ".w64": "audio/wav", ".rf64": "audio/wav"}
    | {".m4a": "audio/mp4", ".aac": "audio/aac", ".weba": "audio/webm"}
)
_WINDOW, _STEP = 256, 64  # samples, of the spectrum in which sounds are silenced


def sound_window(train: Sequence[Sample], rate: int, longest: float) -> AudioSpec:
    """Return an encoder whose window holds 95 of 100 training sounds whole, up to `longest` s."""
    lengths = []
    for sample in train:
        try:
            lengths.append(duration(sample.payload.data))
        except InvalidInput:
            continue  # `encode` names it
    seconds = float(np.percentile(lengths, 95)) if lengths else 1.0
    return AudioSpec(rate=rate, samples=round(min(max(seconds, 0.5), longest) * rate))


def silence(item: Arrays, cells: np.ndarray, bands: Sequence[float], rate: int) -> Arrays:
    """Silence `cells`, bool (bands, frames); frequencies below and above all bands stay.

    bands: their edges in Hz, ascending. rate: samples per second.
    """
    pcm = item["pcm"]
    hertz, _, spectrum = stft(
        pcm.astype(np.float32), rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP
    )
    band = np.searchsorted(np.asarray(bands), hertz, side="right") - 1
    inside = (band >= 0) & (band < len(cells))
    gone = cells[np.clip(band, 0, len(cells) - 1)] & inside[:, None]
    spectrum[gone[:, cell_indices(spectrum.shape[1], cells.shape[1])]] = 0
    signal = istft(spectrum, rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP)[1][: pcm.size]
    return {"pcm": np.clip(np.round(signal), -32768, 32767).astype(np.int16)}


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    return sound_window(train, _RATE, MAX_SOUND_SECONDS), {}


def _augment(spec: EncoderSpec) -> Augment:
    assert isinstance(spec, AudioSpec)
    return partial(augment_audio, rate=spec.rate)


def _fit_size(spec: EncoderSpec, train: Sequence[Sample]) -> AudioSpec:
    assert isinstance(spec, AudioSpec)
    return sound_window(train, spec.rate, spec.samples / spec.rate)


def _remover(spec: EncoderSpec, bands: Sequence[float]) -> Remove:
    assert isinstance(spec, AudioSpec)
    return partial(silence, bands=bands, rate=spec.rate)


def _set_centres(network: nn.Module, train: Examples) -> None:
    """Let the network compare sounds with some of the training samples, of every label."""
    assert isinstance(network, SpectrumStatistics)
    some = train.select(evenly_by_label(train.targets, MOST_CENTRES).tolist())
    network.set_centres(torch.from_numpy(run_network(network, some, network.statistics)))


def _reads(spec: AudioSpec) -> str:
    return (
        f"a sound (WAV, FLAC, Ogg or MP3), resampled to {spec.rate:,} Hz; a sound of more than "
        f"{spec.samples / spec.rate:.3g} s is cut to its loudest part"
    )


TRAINING_AUDIO = TrainingModality(
    served=AUDIO,
    noun="sound",
    plural="sounds",
    media_types=media_types_of("audio", _SUFFIXES),
    recognise=sound_type,
    fingerprint=sound_fingerprint,
    recipe=DefaultRecipe(
        _prepare,
        lambda labels: SpectrogramNet(classes=labels, rate=_RATE),
        partial(augment_audio, rate=_RATE),
    ),
    linear=DefaultRecipe(
        _prepare,
        lambda labels: SpectrumStatistics(classes=labels, rate=_RATE),
        measure=_set_centres,
    ),
    augment=_augment,
    fit_size=_fit_size,
    default_source="spoken-digits",
    saliency_axes=("band", "frame"),
    remover=_remover,
    card=InputCard(reads=_reads, most=4, draw=draw_sounds, caption="The spectrogram of each sound"),
    baseline=SOUND_BASELINE,
)

"""Sounds without speech, about one second each: generated noises, music and game sound effects.

Music and effects come from the examples of the package arcade.
"""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from app.modalities import Payload
from training.data.dataset import Sample
from training.data.sources import DataFile
from training.outliers.kinds import Locate

ARCADE = DataFile("arcade-2.6.17-py3-none-any.whl", "pip download --no-deps arcade==2.6.17", None)
_NOISE_RATE = 8000  # Hz, of the noises
CUTS, NOISES = 200, 400  # one-second cuts of each piece of music; number of noises
_QUIET = 0.01  # the amplitude below which a cut counts as silence


def sounds(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds."""
    return {
        "noises": noises,
        "music": lambda: _music(find(ARCADE)),
        "sound effects": lambda: _effects(find(ARCADE)),
    }


def noises(seed: int = 0) -> list[Sample]:
    """Return white noise, brown noise, chords and pulsating bands of noise in turn."""
    rng, samples = np.random.default_rng(seed), []
    for number in range(NOISES):
        count = int(rng.uniform(0.3, 1.0) * _NOISE_RATE)
        kind = (_white, _brown, _chord, _throb)[number % 4]
        wave = kind(count, rng)
        samples.append(_sample(f"noise-{number}", 0.7 * wave / np.abs(wave).max(), _NOISE_RATE))
    return samples


def _white(count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=count)


def _brown(count: int, rng: np.random.Generator) -> np.ndarray:
    walk = rng.normal(size=count).cumsum()
    return np.asarray(walk - np.linspace(walk[0], walk[-1], count))


def _chord(count: int, rng: np.random.Generator) -> np.ndarray:
    angles = 2 * np.pi * rng.uniform(60, 3500, (3, 1)) * np.arange(count) / _NOISE_RATE
    return np.asarray(np.sin(angles).sum(0))


def _throb(count: int, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.normal(size=count))
    place = np.linspace(0, 1, len(spectrum))
    band = spectrum * np.exp(-(((place - rng.uniform(0.05, 0.9)) / 0.08) ** 2))
    beat = np.abs(np.sin(np.pi * rng.uniform(1, 12) * np.arange(count) / _NOISE_RATE))
    return np.asarray(np.fft.irfft(band, count) * beat)


def _music(package: Path) -> list[Sample]:
    """Return random cuts of one second from the two pieces, without silent ones."""
    rng, samples = np.random.default_rng(1), []
    for name, wave, rate in _waves(package, "/music/"):
        starts = rng.integers(0, len(wave) - rate, CUTS)
        cuts = [wave[start : start + rate] for start in starts.tolist()]
        samples += [_sample(f"{name}-{i}", cut, rate) for i, cut in enumerate(cuts) if _heard(cut)]
    return samples


def _effects(package: Path) -> list[Sample]:
    waves = _waves(package, "/sounds/")
    return [_sample(name, wave, rate) for name, wave, rate in waves if _heard(wave)]


def _waves(package: Path, folder: str) -> list[tuple[str, np.ndarray, int]]:
    """Return name, float64 (samples,) and rate of each sound of a folder."""
    found = []
    with zipfile.ZipFile(package) as archive:
        for name in sorted(archive.namelist()):
            if folder in name and name.endswith((".wav", ".mp3")):
                wave, rate = soundfile.read(io.BytesIO(archive.read(name)), always_2d=True)
                found.append((Path(name).stem, wave.mean(axis=1), rate))
    return found


def _heard(wave: np.ndarray) -> bool:
    return bool(np.abs(wave).max() > _QUIET)


def _sample(name: str, wave: np.ndarray, rate: int) -> Sample:
    file = io.BytesIO()
    soundfile.write(file, wave, rate, "PCM_16", format="WAV")
    return Sample(f"{name}.wav", Payload(file.getvalue(), "audio/wav"), "")

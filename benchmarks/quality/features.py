"""Numbers for the peers that take a table: of pictures and sounds, without training anything.

Pictures: the 1,280 features of EfficientNet-Lite0 at 224 × 224, with its authors' weights, which
the shipped bundle holds; ONNX Runtime is several times quicker here than their package. Sounds:
statistics of a spectrogram in 40 bands. Both are what a user would write in an hour.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr
from PIL import Image

from app.bundle import read_bundle
from app.bundle.tensors import EMBEDDING
from app.pipeline import Pipeline
from app.registry import SHIPPED
from benchmarks.inputs import MODELS

SIDE = 224  # pixels
NETWORK = MODELS / "imagenet" / "1"
NETWORK_MEGABYTES = (NETWORK / "model.onnx").stat().st_size / 1e6
RATE = 16_000  # Hz
LONGEST = 10  # seconds of a sound
BANDS = 40
_FFT, _STEP = 512, 160  # samples
_LOUDNESS = 0.1  # root mean square of every sound
_LOWEST, _HIGHEST = 60.0, 7_600.0  # Hz


def picture_features(paths: Sequence[Path]) -> np.ndarray:
    """Return float32 (pictures, 1280), the mean over the last layer's positions."""
    pipeline = Pipeline(read_bundle(NETWORK, SHIPPED))
    found = []
    for path in paths:
        image = _pixels(path, SIDE, "RGB").round().clip(0, 255).astype(np.uint8)
        found.append(pipeline.run([{"image": image}])[0][EMBEDDING])
    return np.stack(found).reshape(len(paths), -1)


def pixels(paths: Sequence[Path], side: int) -> np.ndarray:
    """Return pixels in 0..1, float32 (pictures, side · side · channels); grey if all are grey."""
    modes = {_mode(path) for path in paths[:50]}
    mode = "L" if modes <= {"L", "1", "I;16"} else "RGB"
    return np.stack([_pixels(path, side, mode).reshape(-1) for path in paths]) / np.float32(255)


def _mode(path: Path) -> str:
    with Image.open(path) as image:
        return image.mode


def _pixels(path: Path, side: int, mode: str) -> np.ndarray:
    with Image.open(path) as image:
        shown = image.convert(mode).resize((side, side), Image.Resampling.BICUBIC)
        return np.asarray(shown, np.float32)


def sound_features(paths: Sequence[Path]) -> np.ndarray:
    """Return float32 (sounds, 443): of each band its statistics, and its mean in each third."""
    return np.stack([statistics(*_samples(path)) for path in paths])


def _samples(path: Path) -> tuple[np.ndarray, float]:
    """Return the first seconds, mono at `RATE`, and the duration in seconds."""
    sound, rate = soundfile.read(path, dtype="float32", always_2d=True)
    seconds = len(sound) / rate
    mono = sound[: LONGEST * rate].mean(axis=1)
    return np.asarray(soxr.resample(mono, rate, RATE), np.float32), seconds


def statistics(samples: np.ndarray, seconds: float) -> np.ndarray:
    """Return the features of one sound, float32 (443,); samples: float32 (samples,) at `RATE`.

    The sound is made as loud as any other; how loud it was is a feature of its own. Without that
    a forest knows the microphone: 20 % instead of 80 % of the digits that strangers speak.
    """
    padded = np.pad(samples, (0, max(0, _FFT + 3 * _STEP - len(samples))))
    loudness = float(np.sqrt(np.mean(padded**2)))
    padded = padded * (_LOUDNESS / (loudness + 1e-9))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FFT)[::_STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_FFT), axis=1)) ** 2
    bands = np.log(power @ _filters().T + 1e-8)  # (frames, bands)
    thirds = [part.mean(axis=0) for part in np.array_split(bands, 3)]
    spread = np.quantile(bands, (0.1, 0.5, 0.9), axis=0)
    crossings = float(np.mean(np.diff(np.signbit(padded)))) if len(padded) > 1 else 0.0
    return np.concatenate(
        [
            bands.mean(axis=0),
            bands.std(axis=0),
            bands.min(axis=0),
            bands.max(axis=0),
            *spread,
            *thirds,
            np.diff(bands, axis=0).std(axis=0),
            [seconds, np.log(loudness + 1e-6), crossings],
        ]
    ).astype(np.float32)


def _filters() -> np.ndarray:
    """Return triangles that are even on the mel scale, float64 (bands, frequencies)."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    mel = np.linspace(float(low), float(high), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.fft.rfftfreq(_FFT, 1 / RATE)
    rising = (hertz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hertz) / (edges[2:] - edges[1:-1])[:, None]
    return np.asarray(np.clip(np.minimum(rising, falling), 0, None))

"""Examples as pictures: what the model reads, and the map of what led to its answer."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from app.bundle import Manifest
from app.bundle.tensors import Arrays
from app.modalities.saliency import SaliencyMap
from training.exporting.card.figures import figure_png

_STRONGEST = 0.65  # opacity of a map where its weight is 1
_WINDOW, _STEP = 256, 64  # samples, of a spectrogram
_FLOOR = 50.0  # dB below the loudest that are shown
_QUALITY = 68  # of the JPEG


@dataclass(frozen=True, slots=True)
class Shown:
    """An encoded item, the title above it, and its explanation or reconstruction."""

    title: str
    arrays: Arrays
    explanation: Any = None
    reconstruction: np.ndarray | None = None  # uint8 (rows, columns, channels)


def draw_images(items: Sequence[Shown]) -> bytes:
    """Return a JPEG: the images as the model reads them; below each its map or reconstruction."""
    rows = 2 if any(i.explanation is not None or i.reconstruction is not None for i in items) else 1
    size = (max(1.5 * len(items), 3.0), 1.45 * rows + 0.45)
    figure, panels = plt.subplots(
        rows, len(items), figsize=size, layout="constrained", squeeze=False
    )
    for column, item in enumerate(items):
        pixels = item.arrays["image"]
        panels[0][column].set_title(item.title, fontsize=8, parse_math=False)
        for row in range(rows):
            _draw_pixels(panels[row][column], pixels)
        if item.reconstruction is not None:
            _draw_pixels(panels[1][column], item.reconstruction)
        elif isinstance(item.explanation, SaliencyMap):
            _overlay(panels[1][column], item.explanation, pixels.shape)
    return _jpeg(figure)


def _draw_pixels(axes: Axes, pixels: np.ndarray) -> None:
    axes.set_axis_off()
    axes.imshow(pixels[..., 0] if pixels.shape[-1] == 1 else pixels, cmap="gray", vmin=0, vmax=255)


def _overlay(axes: Axes, found: SaliencyMap, shape: tuple[int, ...]) -> None:
    weights = np.asarray(found.weights)
    place = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    alpha = _STRONGEST * weights
    if weights.shape != tuple(shape[:2]):  # a coarse grid is drawn smoothly
        grid = Image.fromarray(weights.astype(np.float32)).resize(
            (shape[1], shape[0]), Image.Resampling.BICUBIC
        )
        weights = np.clip(np.asarray(grid), 0, 1)
        alpha = _STRONGEST * weights
    axes.imshow(weights, cmap="autumn_r", vmin=0, vmax=1, alpha=alpha, extent=place)


def draw_sounds(items: Sequence[Shown], manifest: Manifest) -> bytes:
    """Return a JPEG: the spectrogram of what the model reads, and above it the map of weights."""
    rate = int(getattr(manifest.encoder, "rate", 1))
    figure, panels = plt.subplots(
        2, len(items), figsize=(2.3 * len(items), 3.6), layout="constrained", squeeze=False
    )
    for column, item in enumerate(items):
        panels[0][column].set_title(item.title, fontsize=8, parse_math=False)
        for row in range(2):
            axes = panels[row][column]
            _draw_spectrogram(axes, item, rate)
            axes.tick_params(labelsize=6)
            axes.set_ylabel("kHz" if column == 0 else "", fontsize=7)
        panels[1][column].set_xlabel("seconds", fontsize=7)
        if isinstance(item.explanation, SaliencyMap):
            _draw_sound_map(panels[1][column], item.explanation)
    return _jpeg(figure)


def _draw_spectrogram(axes: Axes, item: Shown, rate: int) -> None:
    signal = item.arrays["pcm"].astype(np.float64).reshape(-1)
    seconds = getattr(item.explanation, "seconds", None)
    start = seconds[0] if seconds else 0.0
    levels = spectrogram(signal)
    place = (start, start + signal.size / rate, 0, rate / 2000)
    axes.imshow(
        levels, cmap="gray_r", vmin=-_FLOOR, vmax=0, extent=place, origin="lower", aspect="auto"
    )


def spectrogram(signal: np.ndarray) -> np.ndarray:
    """Return the levels in dB below the loudest, float (frequencies, frames), lowest first."""
    padded = np.pad(signal, (0, max(_WINDOW - signal.size, 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1).T) ** 2
    highest = max(float(power.max()), 1e-9)
    return np.asarray(10 * np.log10(np.maximum(power / highest, 10 ** (-_FLOOR / 10))))


def _draw_sound_map(axes: Axes, found: SaliencyMap) -> None:
    if found.seconds is None or found.hertz is None:
        return
    weights, limits = np.asarray(found.weights), (axes.get_xlim(), axes.get_ylim())
    kilohertz = np.asarray(found.hertz) / 1000
    colours = axes.pcolormesh(found.seconds, kilohertz, weights, cmap="autumn_r", vmin=0, vmax=1)
    colours.set_alpha(_STRONGEST * weights)  # type: ignore[arg-type]
    axes.set(xlim=limits[0], ylim=limits[1])


def _jpeg(figure: Figure) -> bytes:
    """Return a figure as a JPEG file, and close it."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(figure_png(figure, dpi=110))) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()

"""The deletion test: does what is called salient matter?

A fifth of each input is removed, once the most salient and then at random, and how much
probability the winning label loses is compared (Petsiuk et al., "RISE", BMVC 2018, do so from
nothing to all). Removed is, of a picture, a cell of the map, smoothed away; of a sound, a cell of
the map, silenced in its spectrum; of a text, a token.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import istft, stft  # type: ignore[import-untyped]

from app.bundle import Measurement
from app.bundle.tensors import PROBABILITIES, SALIENCY, Arrays, TensorSpec
from app.runtime.session import Session
from training.exporting.graph import GraphRunner
from training.measuring.imputation import imputed
from training.measuring.measurements import measured

SHARE, MOST = 0.2, 1000  # removed; items that are tried
DRAWS, FEWEST = 3, 300  # random removals of each item, at least, and in all: chance is to be small
_BATCH = 32
_WINDOW, _STEP = 256, 64  # samples, of the spectrum in which sounds are silenced


@dataclass(frozen=True, slots=True)
class Deletion:
    """How much probability is lost on average, and over how many items."""

    salient: float
    random: float
    count: int

    def measurements(self, split: str) -> list[Measurement]:
        """Return the figures for the manifest."""
        figures = {
            "probability lost without the most salient fifth": self.salient,
            "probability lost without a random fifth": self.random,
        }
        return measured(figures, split, self.count)

    def __str__(self) -> str:
        times = f", {self.salient / self.random:.1f} times as much" if self.random > 0 else ""
        return (
            f"without the most salient fifth of an input its label loses {self.salient:.4f} of its "
            f"probability, without a random fifth {self.random:.4f}{times} ({self.count} inputs)"
        )


def deletion(
    model: bytes,
    items: Sequence[Arrays],
    inputs: Sequence[TensorSpec],
    bands: Sequence[float] = (),
    rate: int = 0,
) -> Deletion | None:
    """Measure the exported graph on encoded `items`; None where it tells no saliency.

    bands: edges in Hz of a sound's bands; rate: samples per second.
    """
    session, chosen = Session(model), items[:MOST]
    if SALIENCY not in {spec.name for spec in session.tensors()[1]}:
        return None
    runner = GraphRunner(session, inputs)
    answers = runner.run_each(chosen, batch_size=_BATCH, explain=True)
    labels = [int(answer[PROBABILITIES].argmax()) for answer in answers]
    before = np.asarray([a[PROBABILITIES][label] for a, label in zip(answers, labels, strict=True)])
    kind = inputs[0].name
    maps = [
        answer[SALIENCY][: len(item["tokens"])] if kind == "tokens" else answer[SALIENCY]
        for item, answer in zip(chosen, answers, strict=True)
    ]
    remove: Callable[[Arrays, np.ndarray], Arrays] = {
        "image": _smooth,
        "tokens": _drop,
        "pcm": lambda item, cells: _silence(item, cells, bands, rate),
    }[kind]

    def lost(scores: Sequence[np.ndarray]) -> float:
        rest = [remove(i, most(s)) for i, s in zip(chosen, scores, strict=True)]
        after = runner.run_each(rest, batch_size=_BATCH)
        left = [a[PROBABILITIES][label] for a, label in zip(after, labels, strict=True)]
        return float((before - np.asarray(left)).mean())

    return compared(lost, maps)


def compared(
    lost: Callable[[Sequence[np.ndarray]], float], scores: Sequence[np.ndarray]
) -> Deletion:
    """Return what is lost on average without the `most` by `scores`, and by random ones.

    lost: told scores for the places of every item.
    """
    rng, draws = np.random.default_rng(0), max(DRAWS, -(-FEWEST // len(scores)))
    random = [lost([rng.random(s.shape) for s in scores]) for _ in range(draws)]
    return Deletion(lost(scores), float(np.mean(random)), len(scores))


def most(scores: np.ndarray) -> np.ndarray:
    """Return where the highest fifth of `scores` is, bool, the first of equals; never all of it."""
    flat = scores.reshape(-1)
    count = min(int(np.ceil(SHARE * flat.size)), flat.size - 1)
    found = np.zeros(flat.size, dtype=bool)
    found[np.argsort(-flat, kind="stable")[:count]] = True
    return found.reshape(scores.shape)


def _places(size: int, cells: int) -> np.ndarray:
    """Return in which of `cells` each of `size` places lies, int64 (size,)."""
    return np.arange(size) * cells // size


def _smooth(item: Arrays, cells: np.ndarray) -> Arrays:
    image = item["image"]  # (height, width, channels) uint8
    rows, columns = (_places(image.shape[axis], cells.shape[axis]) for axis in (0, 1))
    return {"image": imputed(image, cells[rows][:, columns])}


def _drop(item: Arrays, cells: np.ndarray) -> Arrays:
    tokens = item["tokens"][~cells]
    return {"tokens": tokens, "length": np.asarray(tokens.size, dtype=np.int64)}


def _silence(item: Arrays, cells: np.ndarray, bands: Sequence[float], rate: int) -> Arrays:
    """Silence cells (bands, frames); what lies below and above all bands stays."""
    pcm = item["pcm"]
    hertz, _, spectrum = stft(
        pcm.astype(np.float32), rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP
    )
    band = np.searchsorted(np.asarray(bands), hertz, side="right") - 1
    inside = (band >= 0) & (band < len(cells))
    gone = cells[np.clip(band, 0, len(cells) - 1)] & inside[:, None]
    spectrum[gone[:, _places(spectrum.shape[1], cells.shape[1])]] = 0
    signal = istft(spectrum, rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP)[1][: pcm.size]
    return {"pcm": np.clip(np.round(signal), -32768, 32767).astype(np.int16)}

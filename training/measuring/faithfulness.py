"""Deletion tests: is an attribution faithful to the classifier?

A test removes a fifth of each input, once the most salient parts and then random ones, and
compares how much probability the predicted label loses (Petsiuk et al., "RISE", BMVC 2018, remove
from nothing to all). In an image it inpaints cells of the saliency map; in a sound it silences
cells of the spectrum; in a text it drops tokens; in a tree it replaces words by the unknown word,
so that the tree keeps its shape.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import istft, stft  # type: ignore[import-untyped]

from app.bundle import Measurement
from app.bundle.tensors import NODES, PROBABILITIES, SALIENCY, Arrays, TensorSpec
from app.modalities.tree.encoder import UNKNOWN_ID
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.graph import GraphRunner
from training.measuring.evaluate import to_measurements
from training.measuring.imputation import impute

REMOVED_SHARE, MAX_ITEMS = 0.2, 1000  # the share that is removed; the largest number of items
DRAWS, MIN_REMOVALS = 3, 300  # random removals of each item, and of all items, at least
_BATCH = 32
_WINDOW, _STEP = 256, 64  # samples, of the spectrum in which sounds are silenced


@dataclass(frozen=True, slots=True)
class DeletionResult:
    """The mean loss of probability without salient parts and without random ones.

    count: the number of items.
    """

    salient: float
    random: float
    count: int

    def measurements(self, split: str) -> list[Measurement]:
        """Return the figures for the manifest."""
        figures = {
            "probability lost without the most salient fifth": self.salient,
            "probability lost without a random fifth": self.random,
        }
        return to_measurements(figures, split, self.count)

    def __str__(self) -> str:
        times = f", {self.salient / self.random:.1f} times as much" if self.random > 0 else ""
        return (
            f"without the most salient fifth of an input its label loses {self.salient:.4f} of its "
            f"probability, without a random fifth {self.random:.4f}{times} ({self.count} inputs)"
        )


def deletion_test(
    model: bytes,
    items: Sequence[Arrays],
    inputs: Sequence[TensorSpec],
    bands: Sequence[float] = (),
    rate: int = 0,
) -> DeletionResult | None:
    """Test the exported graph on encoded images, sounds or texts; None without saliency output.

    bands: edges in Hz of a sound's bands. rate: samples per second of a sound.
    """
    session, chosen = Session(model), items[:MAX_ITEMS]
    if SALIENCY not in {spec.name for spec in session.tensors()[1]}:
        return None
    runner = GraphRunner(session, inputs)
    outputs = runner.run_each(chosen, batch_size=_BATCH, explain=True)
    labels = [int(output[PROBABILITIES].argmax()) for output in outputs]
    before = np.asarray([o[PROBABILITIES][label] for o, label in zip(outputs, labels, strict=True)])
    kind = inputs[0].name
    maps = [
        output[SALIENCY][: len(item["tokens"])] if kind == "tokens" else output[SALIENCY]
        for item, output in zip(chosen, outputs, strict=True)
    ]
    remove: Callable[[Arrays, np.ndarray], Arrays] = {
        "image": _inpaint,
        "tokens": _drop,
        "pcm": lambda item, cells: _silence(item, cells, bands, rate),
    }[kind]

    def lost(scores: Sequence[np.ndarray]) -> float:
        rest = [remove(i, top_fifth(s)) for i, s in zip(chosen, scores, strict=True)]
        after = runner.run_each(rest, batch_size=_BATCH)
        left = [o[PROBABILITIES][label] for o, label in zip(after, labels, strict=True)]
        return float((before - np.asarray(left)).mean())

    return compare_with_random(lost, maps)


def word_deletion_test(model: bytes, test: Examples) -> DeletionResult | None:
    """Test the scores of the nodes of an exported tree graph; None where all are neutral.

    The labels are ordered, with a neutral one in the middle. For a sentence that is predicted
    positive, the most salient words have the highest positive score; likewise for negative.
    Sentences that are predicted neutral are left out.
    """
    runner = GraphRunner(Session(model), test.inputs)
    found = _polarity(runner, test.items)
    chosen = [i for i, (root, _) in enumerate(found) if root.argmax() != 1]
    if not chosen:
        return None
    trees = [test.items[i] for i in chosen]
    labels = [int(found[i][0].argmax()) for i in chosen]
    before = np.asarray([found[i][0].max() for i in chosen])
    scores = [found[i][1][:, label] for i, label in zip(chosen, labels, strict=True)]

    def lost(scores: Sequence[np.ndarray]) -> float:
        rest = [
            {**tree, "tokens": np.where(top_fifth(s), UNKNOWN_ID, tree["tokens"])}
            for tree, s in zip(trees, scores, strict=True)
        ]
        after = _polarity(runner, rest)
        left = [root[label] for (root, _), label in zip(after, labels, strict=True)]
        return float((before - np.asarray(left)).mean())

    return compare_with_random(lost, scores)


def compare_with_random(
    lost: Callable[[Sequence[np.ndarray]], float], scores: Sequence[np.ndarray]
) -> DeletionResult:
    """Return the mean loss without the `top_fifth` by `scores`, and by random scores.

    lost: returns the mean loss without the top fifth of the scores that it is given, an array for
    each item.
    """
    rng, draws = np.random.default_rng(0), max(DRAWS, -(-MIN_REMOVALS // len(scores)))
    random = [lost([rng.random(s.shape) for s in scores]) for _ in range(draws)]
    return DeletionResult(lost(scores), float(np.mean(random)), len(scores))


def top_fifth(scores: np.ndarray) -> np.ndarray:
    """Return where the highest fifth of `scores` is, bool; of equal scores the first ones.

    It never covers all of them.
    """
    flat = scores.reshape(-1)
    count = min(int(np.ceil(REMOVED_SHARE * flat.size)), flat.size - 1)
    found = np.zeros(flat.size, dtype=bool)
    found[np.argsort(-flat, kind="stable")[:count]] = True
    return found.reshape(scores.shape)


def _polarity(runner: GraphRunner, trees: Sequence[Arrays]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return probabilities of negative, neutral and positive for each tree and for its leaves.

    float32 (3,) and (leaves, 3).
    """
    outputs = runner.run_each(trees, batch_size=_BATCH)
    return [
        (_summed(output[PROBABILITIES][None])[0], _summed(output[NODES][: len(tree["tokens"])]))
        for tree, output in zip(trees, outputs, strict=True)
    ]


def _summed(probabilities: np.ndarray) -> np.ndarray:
    middle = probabilities.shape[1] // 2
    bad, good = probabilities[:, :middle].sum(1), probabilities[:, middle + 1 :].sum(1)
    return np.stack([bad, probabilities[:, middle], good], axis=1)


def _cells(size: int, cells: int) -> np.ndarray:
    """Return the index of the cell, of `cells`, for each of `size` positions, int64 (size,)."""
    return np.arange(size) * cells // size


def _inpaint(item: Arrays, cells: np.ndarray) -> Arrays:
    image = item["image"]  # (height, width, channels) uint8
    rows, columns = (_cells(image.shape[axis], cells.shape[axis]) for axis in (0, 1))
    return {"image": impute(image, cells[rows][:, columns])}


def _drop(item: Arrays, cells: np.ndarray) -> Arrays:
    tokens = item["tokens"][~cells]
    return {"tokens": tokens, "length": np.asarray(tokens.size, dtype=np.int64)}


def _silence(item: Arrays, cells: np.ndarray, bands: Sequence[float], rate: int) -> Arrays:
    """Silence cells (bands, frames); frequencies below and above all bands stay."""
    pcm = item["pcm"]
    hertz, _, spectrum = stft(
        pcm.astype(np.float32), rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP
    )
    band = np.searchsorted(np.asarray(bands), hertz, side="right") - 1
    inside = (band >= 0) & (band < len(cells))
    gone = cells[np.clip(band, 0, len(cells) - 1)] & inside[:, None]
    spectrum[gone[:, _cells(spectrum.shape[1], cells.shape[1])]] = 0
    signal = istft(spectrum, rate, nperseg=_WINDOW, noverlap=_WINDOW - _STEP)[1][: pcm.size]
    return {"pcm": np.clip(np.round(signal), -32768, 32767).astype(np.int16)}

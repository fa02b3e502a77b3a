"""Deletion tests: is an attribution faithful to the classifier?

A test removes a fifth of each input, once the most salient parts and then random ones, and
compares how much probability the predicted label loses (Petsiuk et al., "RISE", BMVC 2018, remove
from nothing to all). What is removed of an input, and what takes its place, its modality says: see
`training.modalities`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle import Measurement
from app.bundle.tensors import NODES, PROBABILITIES, SALIENCY, Arrays, TensorSpec
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.graph import GraphRunner
from training.measuring.evaluate import to_measurements

REMOVED_SHARE, MAX_ITEMS = 0.2, 1000  # the share that is removed; the largest number of items
DRAWS, MIN_REMOVALS = 3, 300  # random removals of each item, and of all items, at least
_BATCH = 32

# Of an encoded item and where its parts are to be removed, bool, in the shape of the item's
# saliency: the item without these parts.
Remove = Callable[[Arrays, np.ndarray], Arrays]


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
    remove: Remove,
) -> DeletionResult | None:
    """Test the exported graph on encoded items; None without saliency output."""
    session, chosen = Session(model), items[:MAX_ITEMS]
    axes = next((spec.shape[1:] for spec in session.tensors()[1] if spec.name == SALIENCY), None)
    if axes is None:
        return None
    runner = GraphRunner(session, inputs)
    outputs = runner.run_each(chosen, batch_size=_BATCH, explain=True)
    labels = [int(output[PROBABILITIES].argmax()) for output in outputs]
    before = np.asarray([o[PROBABILITIES][label] for o, label in zip(outputs, labels, strict=True)])
    maps = [
        output[SALIENCY][_unpadded(axes, item, inputs)]
        for item, output in zip(chosen, outputs, strict=True)
    ]

    def lost(scores: Sequence[np.ndarray]) -> float:
        rest = [remove(i, top_fifth(s)) for i, s in zip(chosen, scores, strict=True)]
        after = runner.run_each(rest, batch_size=_BATCH)
        left = [o[PROBABILITIES][label] for o, label in zip(after, labels, strict=True)]
        return float((before - np.asarray(left)).mean())

    return compare_with_random(lost, maps)


def _unpadded(
    axes: Sequence[int | str], item: Arrays, inputs: Sequence[TensorSpec]
) -> tuple[slice, ...]:
    """Return the part of an item's saliency that is no padding.

    An axis that is named like one of the inputs' is as long as the item's.
    """
    sizes = {
        axis: size
        for spec in inputs
        for axis, size in zip(spec.shape[1:], item[spec.name].shape, strict=True)
        if isinstance(axis, str)
    }
    return tuple(slice(sizes.get(str(axis))) for axis in axes)


def word_deletion_test(model: bytes, test: Examples, remove: Remove) -> DeletionResult | None:
    """Test the scores of the nodes of an exported tree graph; None where all are neutral.

    remove: removes words, bool (leaves,).
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
        rest = [remove(tree, top_fifth(s)) for tree, s in zip(trees, scores, strict=True)]
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


def cell_indices(size: int, cells: int) -> np.ndarray:
    """Return the index of the cell, of `cells`, for each of `size` positions, int64 (size,)."""
    return np.arange(size) * cells // size

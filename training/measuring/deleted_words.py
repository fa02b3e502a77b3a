"""The deletion test of a tree's node scores: do the words matter that they call good or bad?

As `training.measuring.deletion`; removed is a word of a sentence: the unknown word takes its place,
so that the tree stays. Of a sentence that is called good, the most salient words are those whose
own scores are highest on the good side; likewise for bad. Neutral ones say nothing to remove.
"""

from collections.abc import Sequence

import numpy as np

from app.bundle.tensors import NODES, PROBABILITIES, Arrays
from app.modalities.tree.encoder import UNKNOWN
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.graph import GraphRunner
from training.measuring.deletion import Deletion, compared, most

_BATCH = 32


def deleted_words(model: bytes, test: Examples) -> Deletion | None:
    """Measure the exported graph on sentences; None where none is called good or bad.

    Its labels are in order, the middle one neutral.
    """
    runner = GraphRunner(Session(model), test.inputs)
    told = _sides(runner, test.items)
    chosen = [i for i, (sides, _) in enumerate(told) if sides.argmax() != 1]
    if not chosen:
        return None
    trees = [test.items[i] for i in chosen]
    labels = [int(told[i][0].argmax()) for i in chosen]
    before = np.asarray([told[i][0].max() for i in chosen])
    scores = [told[i][1][:, label] for i, label in zip(chosen, labels, strict=True)]

    def lost(scores: Sequence[np.ndarray]) -> float:
        rest = [
            {**tree, "tokens": np.where(most(s), UNKNOWN, tree["tokens"])}
            for tree, s in zip(trees, scores, strict=True)
        ]
        after = _sides(runner, rest)
        left = [sides[label] for (sides, _), label in zip(after, labels, strict=True)]
        return float((before - np.asarray(left)).mean())

    return compared(lost, scores)


def _sides(runner: GraphRunner, trees: Sequence[Arrays]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return of each tree and of each of its leaves how probably it is bad, neutral, good.

    float32 (3,) and (leaves, 3).
    """
    answers = runner.run_each(trees, batch_size=_BATCH)
    return [
        (_summed(answer[PROBABILITIES][None])[0], _summed(answer[NODES][: len(tree["tokens"])]))
        for tree, answer in zip(trees, answers, strict=True)
    ]


def _summed(probabilities: np.ndarray) -> np.ndarray:
    middle = probabilities.shape[1] // 2
    bad, good = probabilities[:, :middle].sum(1), probabilities[:, middle + 1 :].sum(1)
    return np.stack([bad, probabilities[:, middle], good], axis=1)

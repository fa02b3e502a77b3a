"""The scores among a packed graph's outputs, and what they are, as the golden pictures show it.

Probabilities are at least 0 and sum to 1; softmax over them again would flatten them, and logits
that are taken for probabilities would be answered as negative ones. Scores of several labels at
once, a sigmoid each, are neither: such a graph is no classifier in the sense of a bundle.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from app.bundle.tensors import TensorSpec
from app.errors import InvalidBundle

Scores = Literal["probabilities", "logits"]
_TOLERANCE = 1e-3  # of the sum of the probabilities


def scores_first(
    outputs: Sequence[TensorSpec], wanted: str | None, labels: int
) -> tuple[TensorSpec, ...]:
    """Return the outputs with the scores in front; raise `InvalidBundle` unless these fit.

    wanted: the name of the scores; None: they are the first. labels: how many there are.
    """
    names = [spec.name for spec in outputs]
    if wanted is not None and wanted not in names:
        raise InvalidBundle(
            f"--output {wanted}: the graph has no such output; it has {', '.join(names)}"
        )
    chosen = outputs[0] if wanted is None else outputs[names.index(wanted)]
    fitting = [spec.name for spec in outputs if _fits(spec, labels)]
    if chosen.name not in fitting:
        raise InvalidBundle(
            f"{labels} labels, but the output {chosen.name} is {chosen.dtype} {chosen.shape}; "
            + (
                f"--output can name another that fits: {', '.join(fitting)}"
                if fitting
                else f"expected an output float32 ('batch', {labels})"
            )
        )
    return (chosen, *(spec for spec in outputs if spec is not chosen))


def check_no_sigmoid(operator: str, output: str) -> None:
    """Raise `InvalidBundle` where a sigmoid computes the scores."""
    if operator == "Sigmoid":
        raise InvalidBundle(
            f"{output!r} comes from a sigmoid, which scores each label by itself; only classifiers "
            "whose scores are of one label (softmax or logits) can be packed"
        )


def scores_shown(rows: np.ndarray, files: Sequence[str], said: Scores | None) -> Scores:
    """Return what the scores are; raise `InvalidBundle` where they contradict what is said.

    rows: of the golden pictures `files`, (pictures, labels).
    """
    for row, file in zip(rows, files, strict=True):
        if not np.isfinite(row).all():
            raise InvalidBundle(f"{file}: the graph gives {row[~np.isfinite(row)][0]} as a score")
    reason = _no_probabilities(rows, files)
    if said == "probabilities" and reason:
        raise InvalidBundle(f"--scores probabilities: {reason}; say logits, or nothing")
    if said == "logits" and not reason:
        raise InvalidBundle(
            "--scores logits: the scores of every golden picture are at least 0 and sum to 1, as "
            "after a softmax; say probabilities, or nothing"
        )
    if said is None and reason and rows.min() >= 0 and rows.max() <= 1:
        raise InvalidBundle(
            f"the scores are between 0 and 1, but {reason}: they are of several labels at once, "
            "which cannot be packed, or they are logits; if so, say --scores logits"
        )
    return "logits" if reason else "probabilities"


def _fits(spec: TensorSpec, labels: int) -> bool:
    return spec.dtype == "float32" and (
        len(spec.shape) == 2 and (spec.shape[1] == labels or isinstance(spec.shape[1], str))
    )


def _no_probabilities(rows: np.ndarray, files: Sequence[str]) -> str:
    """Return why the rows are no probabilities; empty if they are."""
    for row, file in zip(rows, files, strict=True):
        if row.min() < 0:
            return f"for {file} one score is {row.min():.4g}"
        if abs(row.sum() - 1) > _TOLERANCE:
            return f"for {file} the scores sum to {row.sum():.4g}"
    return ""

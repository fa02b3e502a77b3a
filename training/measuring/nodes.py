"""The nodes of trees that have labels of their own: how sure to be of them, and how right it is.

The parts of a tree, which an explanation tells, are not called as surely as wholes: of short
phrases less can be said wrongly. So those below the roots have a temperature of their own.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement
from app.bundle.tensors import NODES
from app.runtime.session import Session
from training.data.encode import IGNORE_INDEX, Examples
from training.measuring.calibrate import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_temperature,
)
from training.measuring.evaluate import chunks
from training.measuring.measurements import measured

# A forest's arrays → float32 (nodes, labels).
_Tell = Callable[[Sequence[np.ndarray]], np.ndarray]


def node_temperature(network: nn.Module, trees: Examples) -> float | None:
    """Return the temperature of the nodes below the roots; None where no such node has a label.

    trees: with their lessons. network: its `read` tells the nodes' logits.
    """
    network.eval()

    def tell(arrays: Sequence[np.ndarray]) -> np.ndarray:
        with torch.no_grad():
            output = network.read(*map(torch.from_numpy, arrays))  # type: ignore[operator]
        return np.asarray(output.nodes.numpy())

    found = _below_roots(trees, tell)
    return None if found is None else fit_temperature(*found)


def node_figures(model: bytes, trees: Examples, split: str) -> list[Measurement]:
    """Return how right and how calibrated the exported graph is below the roots, if it can be told.

    trees: with their lessons.
    """
    if not trees.node_targets:
        return []
    session, names = Session(model), [spec.name for spec in trees.inputs]
    found = _below_roots(
        trees,
        lambda arrays: session.run(dict(zip(names, arrays, strict=True)), explain=True)[NODES],
    )
    if found is None:
        return []
    probabilities, targets = found
    figures = {
        "accuracy": float((probabilities.argmax(1) == targets).mean()),
        "expected calibration error": expected_calibration_error(probabilities, targets),
        "expected calibration error by chance": calibration_error_by_chance(probabilities),
    }
    named = {f"{name}, nodes below the root": value for name, value in figures.items()}
    return measured(named, split, len(targets))


def _below_roots(trees: Examples, tell: _Tell) -> tuple[np.ndarray, np.ndarray] | None:
    """Return what is told of the nodes below a root that have a label, and the labels, int64."""
    told, targets = [], []
    for indices in chunks(len(trees)) if trees.node_targets else ():
        arrays, labels = trees.training_batch(indices)
        below = labels != IGNORE_INDEX
        below[arrays[-1]] = False  # the roots
        if below.any():
            told.append(tell(arrays)[below])
            targets.append(labels[below])
    return (np.concatenate(told), np.concatenate(targets)) if told else None

"""The nodes of trees that have labels of their own: how sure to be of them, and how right it is.

The parts of a tree, which an explanation tells, are not called as surely as wholes: of short
phrases less can be said wrongly. So those below the roots have a temperature of their own.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement
from app.bundle.tensors import NODES
from app.runtime.session import Session
from training.data.encode import IGNORE_INDEX, Examples
from training.exporting.graph import GraphRunner, chunks
from training.measuring.calibrate import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_temperature,
)
from training.measuring.measurements import measured


def node_temperature(network: nn.Module, trees: Examples) -> float | None:
    """Return the temperature of the nodes below the roots; None where no such node has a label.

    trees: with their lessons. network: its `read` tells the nodes' logits.
    """
    if not trees.node_targets:
        return None
    network.eval()
    with torch.no_grad():
        found = _below_roots(
            trees,
            (
                network.read(  # type: ignore[operator]
                    *map(torch.from_numpy, trees.batch(indices)[0])
                ).nodes.numpy()
                for indices in chunks(len(trees))
            ),
        )
    return None if found is None else fit_temperature(*found)


def node_figures(model: bytes, trees: Examples, split: str) -> list[Measurement]:
    """Return how right and how calibrated the exported graph is below the roots, if it can be told.

    trees: with their lessons.
    """
    if not trees.node_targets:
        return []
    runner = GraphRunner(Session(model), trees.inputs)
    found = _below_roots(trees, (outputs[NODES] for outputs in runner.batches(trees.items)))
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


def _below_roots(
    trees: Examples, batches: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the rows of the nodes below a root that have a label, and the labels, int64.

    batches: the values of all nodes of each of the `chunks` of the trees, (nodes, labels).
    """
    values, targets = [], []
    for indices, nodes in zip(chunks(len(trees)), batches, strict=True):
        arrays, labels = trees.training_batch(indices)
        below = labels != IGNORE_INDEX
        below[arrays[-1]] = False  # the roots
        values.append(nodes[below])
        targets.append(labels[below])
    labelled = np.concatenate(targets)
    return (np.concatenate(values), labelled) if len(labelled) else None

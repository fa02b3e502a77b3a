"""The nodes of trees that have labels of their own: how sure to be of them, and how right it is.

The parts of a tree, which an explanation tells, are not called as surely as wholes: of short
phrases less can be said wrongly. So those below the roots have a temperature of their own.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement
from app.engine.session import Session
from app.outputs import NODES
from training.data.encode import UNTAUGHT, Examples
from training.measuring.calibrate import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_temperature,
)
from training.measuring.evaluate import chunks


def node_temperature(network: nn.Module, trees: Examples) -> float | None:
    """Return the temperature of the nodes below the roots; None where no such node has a label.

    trees: with their lessons. network: its `read` tells the nodes' logits.
    """
    network.eval()
    logits, targets = [], []
    for inputs, labels, below in _batches(trees):
        with torch.no_grad():
            nodes = network.read(*map(torch.from_numpy, inputs)).nodes  # type: ignore[operator]
        logits.append(nodes.numpy()[below])
        targets.append(labels[below])
    found = np.concatenate(targets) if targets else ()
    return fit_temperature(np.concatenate(logits), np.asarray(found)) if len(found) else None


def node_figures(model: bytes, trees: Examples, split: str) -> list[Measurement]:
    """Return how right and how calibrated the exported graph is below the roots, if it can be told.

    trees: with their lessons.
    """
    session, names = Session(model), [spec.name for spec in trees.inputs]
    told, targets = [], []
    for inputs, labels, below in _batches(trees):
        answers = session.run(dict(zip(names, inputs, strict=True)), explain=True)
        told.append(answers[NODES][below])
        targets.append(labels[below])
    if not sum(map(len, targets)):
        return []
    probabilities, truth = np.concatenate(told), np.concatenate(targets)
    figures = {
        "accuracy": float((probabilities.argmax(1) == truth).mean()),
        "expected calibration error": expected_calibration_error(probabilities, truth),
        "expected calibration error by chance": calibration_error_by_chance(probabilities),
    }
    return [
        Measurement(
            name=f"{name}, nodes below the root", value=value, split=split, samples=len(truth)
        )
        for name, value in figures.items()
    ]


def _batches(trees: Examples) -> Iterator[tuple[list[np.ndarray], np.ndarray, np.ndarray]]:
    """Yield inputs, the label of every node, and which of them are below a root and have one."""
    roots = [spec.name for spec in trees.inputs].index("roots") if trees.lessons else 0
    for indices in chunks(len(trees) if trees.lessons else 0):
        inputs, labels = trees.lesson(indices)
        below = labels != UNTAUGHT
        below[inputs[roots]] = False
        yield inputs, labels, below

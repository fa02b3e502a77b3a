"""Figures of tree models: of long trees, of polarity, and of the nodes below the root.

A tree model predicts a label for every node. Short phrases are harder to get right and to be sure
of than whole sentences, so the nodes below the roots have a temperature of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement
from app.bundle.tensors import NODES, PROBABILITIES
from app.modalities import Encoder, Payload
from app.runtime.session import Session
from training.data.encode import IGNORE_INDEX, Examples, encode
from training.datasets.sentiment_treebank import LABELS, NEUTRAL, words
from training.exporting.graph import GraphRunner, chunks
from training.measuring.calibration import (
    calibration_error_by_chance,
    expected_calibration_error,
    fit_temperature,
)
from training.measuring.evaluate import probabilities_of, to_measurements
from training.networks.network import ReadableNetwork


def long_tree_accuracy(
    model: bytes, test: Examples, _: Encoder, *, least: int
) -> list[Measurement]:
    """Return the accuracy on the trees of at least `least` leaves, if there are any."""
    chosen = np.flatnonzero(np.asarray([len(item["tokens"]) for item in test.items]) >= least)
    if not len(chosen):
        return []
    trees = test.select(chosen.tolist())
    correct = probabilities_of(model, trees, PROBABILITIES).argmax(1) == trees.targets
    name = f"accuracy, trees of {least} tokens and more"
    return [Measurement(name=name, value=float(correct.mean()), split="test", samples=len(trees))]


def polarity_accuracy(model: bytes, test: Examples, encoder: Encoder) -> list[Measurement]:
    """Return the accuracy on positive against negative, as the literature reports it.

    Neutral sentences are left out, and the probabilities on either side of neutral are summed. It
    is measured with the treebank's trees, and on the words as plain text.
    """
    chosen = test.select(np.flatnonzero(test.targets != NEUTRAL).tolist())
    texts = [
        replace(sample, payload=Payload(" ".join(words(sample.payload)).encode(), "text/plain"))
        for sample in chosen.samples
    ]
    plain, _ = encode(encoder, texts, LABELS, chosen.inputs)
    figures = []
    for name, examples in (
        ("accuracy, positive or negative", chosen),
        ("accuracy, positive or negative, without the trees", plain),
    ):
        scores = probabilities_of(model, examples, PROBABILITIES)
        positive = scores[:, NEUTRAL + 1 :].sum(1) > scores[:, :NEUTRAL].sum(1)
        accuracy = float((positive == (examples.targets > NEUTRAL)).mean())
        figures.append(Measurement(name=name, value=accuracy, split="test", samples=len(examples)))
    return figures


def node_temperature(network: nn.Module, trees: Examples) -> float | None:
    """Return the temperature of the nodes below the roots; None where no such node has a label.

    trees: with node targets. network: its method `read` returns the nodes' logits.
    """
    if not trees.node_targets:
        return None
    assert isinstance(network, ReadableNetwork)
    network.eval()

    def logits(arrays: Sequence[np.ndarray]) -> np.ndarray:
        nodes = network.read(*map(torch.from_numpy, arrays)).nodes
        assert nodes is not None
        return nodes.numpy()

    with torch.no_grad():
        batches = (logits(trees.batch(indices)[0]) for indices in chunks(len(trees)))
        found = _below_roots(trees, batches)
    return None if found is None else fit_temperature(*found)


def node_figures(model: bytes, trees: Examples, split: str) -> list[Measurement]:
    """Return accuracy and calibration of the exported graph on the labelled nodes below the roots.

    trees: with node targets; without them there are no figures.
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
    return to_measurements(named, split, len(targets))


def _below_roots(
    trees: Examples, batches: Iterable[np.ndarray]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the values of the labelled nodes below the roots, and their labels, int64.

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

"""Accuracy, calibration and confusion of a classifier on a labelled split.

The figures come from the exported graph, which is run as the service runs it, or from the torch
network before the export. Thresholds and abstention are in `training.measuring.reliability`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from app.bundle import Manifest, Measurement
from app.bundle.tensors import NOVELTY, Arrays
from app.runtime.session import Session
from training.data.dataset import name_of
from training.data.encode import Examples
from training.exporting.card.data import ReliabilityBins
from training.exporting.card.figures import MOST_LABELS
from training.exporting.graph import run_graph, run_network, runner_for
from training.exporting.known_outputs import FEATURES_OUTPUT, body_digest, key, recall
from training.measuring.calibration import (
    calibration_error_by_chance,
    expected_calibration_error,
    reliability_bins,
    softmax,
)
from training.networks.network import ReadableNetwork

_BATCH = 32


@dataclass(frozen=True, slots=True)
class ClassifierOutputs:
    """What a classifier's graph computes for some items.

    probabilities: float32 (items, labels). novelty: float32 (items,), None where the graph has no
    such output.
    """

    probabilities: np.ndarray
    novelty: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """Figures on a labelled split.

    accuracy: 0..1. calibration_error: expected calibration error, 0..1. chance_error: the error
    that perfectly calibrated predictions of the same confidence would have. bins: of the
    calibration error. confusion: int64
    (labels, labels); row i, column j counts the samples of label i that were predicted as j.
    wrong: the names of the samples that were predicted wrongly.
    """

    accuracy: float
    calibration_error: float
    chance_error: float
    confusion: np.ndarray
    wrong: list[str]
    bins: ReliabilityBins

    @property
    def count(self) -> int:
        """The number of samples."""
        return int(self.confusion.sum())

    def measurements(self, split: str) -> list[Measurement]:
        """Return the figures for the manifest."""
        figures = {
            "accuracy": self.accuracy,
            "expected calibration error": self.calibration_error,
            "expected calibration error of perfectly calibrated answers, by chance": (
                self.chance_error
            ),
        }
        return to_measurements(figures, split, self.count)


def to_measurements(figures: Mapping[str, float], split: str, samples: int) -> list[Measurement]:
    """Return the figures as a manifest has them, each measured on `samples` samples of `split`."""
    return [
        Measurement(name=name, value=value, split=split, samples=samples)
        for name, value in figures.items()
    ]


def classifier_outputs(
    manifest: Manifest, session: Session, items: Sequence[Arrays]
) -> ClassifierOutputs:
    """Run a session of the bundle's graph, or of a graph with the same inputs and outputs.

    Logits become probabilities at the manifest's temperature.
    """
    names = [manifest.outputs[0].name]
    if any(spec.name == NOVELTY for spec in manifest.outputs):
        names.append(NOVELTY)
    found = runner_for(manifest, session).run(items, names, batch_size=_BATCH)
    scores = found[names[0]].reshape(len(items), len(manifest.labels))
    if manifest.scores == "logits":
        scores = softmax(scores, manifest.temperature).astype(np.float32)
    return ClassifierOutputs(scores, found.get(NOVELTY))


def logits_of(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return the torch network's logits, float32 (samples, labels)."""
    return run_network(network, examples)


def features_of(
    network: nn.Module, examples: Examples, indices: np.ndarray | None = None
) -> np.ndarray:
    """Return the features that the novelty score reads, float32 (samples, d).

    The network has a method `read`. indices: of some samples; without them, of all.
    """
    assert isinstance(network, ReadableNetwork)
    known = recall(key(body_digest(network), examples, FEATURES_OUTPUT))
    if known is not None:
        return known if indices is None else known[indices]
    some = examples if indices is None else examples.select(indices)
    return run_network(network, some, lambda *inputs: network.read(*inputs).features)


def probabilities_of(model: bytes, examples: Examples, output: str) -> np.ndarray:
    """Return the exported graph's probabilities, float32 (samples, labels)."""
    return run_graph(model, examples, [output])[output]


def evaluate(probabilities: np.ndarray, examples: Examples) -> ClassificationReport:
    """Compare probabilities, float (samples, labels), with the examples' targets."""
    predicted = probabilities.argmax(axis=1)
    confusion = confusion_of(probabilities, examples.targets)
    missed = np.flatnonzero(predicted != examples.targets).tolist()
    return ClassificationReport(
        float((predicted == examples.targets).mean()),
        expected_calibration_error(probabilities, examples.targets),
        calibration_error_by_chance(probabilities),
        confusion,
        [name_of(examples.samples, i) for i in missed],
        reliability_bins(probabilities, examples.targets, "test split"),
    )


def stored_confusion(confusion: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Return a confusion matrix as a card stores it: none where it could not be drawn."""
    return tuple(map(tuple, confusion.tolist())) if len(confusion) <= MOST_LABELS else ()


def confusion_of(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the confusion matrix, int64 (labels, labels): a row is the true label.

    probabilities: float (samples, labels). targets: int64 (samples,).
    """
    return count_confusion(probabilities.argmax(axis=1), targets, probabilities.shape[1])


def count_confusion(predicted: np.ndarray, targets: np.ndarray, labels: int) -> np.ndarray:
    """Return the confusion matrix of predicted labels; both int64 (samples,)."""
    confusion = np.zeros((labels, labels), dtype=np.int64)
    np.add.at(confusion, (targets, predicted), 1)
    return confusion

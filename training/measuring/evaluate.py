"""Figures of a model on a split, measured on the exported graph through the service's path."""

from dataclasses import dataclass

import numpy as np
from torch import nn

from app.bundle import Measurement
from training.data.encode import Examples
from training.exporting.graph import run_graph, run_network
from training.measuring.calibrate import calibration_error_by_chance, expected_calibration_error
from training.measuring.measurements import measured


@dataclass(frozen=True, slots=True)
class Report:
    """What a test split says. `confusion[i, j]`: label i was called label j.

    wrong: the names of the samples that were called something else. chance_error: the calibration
    error of perfectly calibrated answers.
    """

    accuracy: float
    calibration_error: float
    chance_error: float
    confusion: np.ndarray
    wrong: list[str]

    @property
    def count(self) -> int:
        """How many samples were tested."""
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
        return measured(figures, split, self.count)


def logits_of(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return the torch network's logits, float32 (samples, labels)."""
    return run_network(network, examples)


def features_of(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return by what the novelty of a network with `read` is told, float32 (samples, d)."""
    return run_network(
        network,
        examples,
        lambda *inputs: network.read(*inputs).features,  # type: ignore[operator]
    )


def probabilities_of(model: bytes, examples: Examples, output: str) -> np.ndarray:
    """Return the exported graph's probabilities, float32 (samples, labels)."""
    return run_graph(model, examples, [output])[output]


def evaluate(probabilities: np.ndarray, examples: Examples) -> Report:
    """Compare probabilities, float (samples, labels), with the examples' targets."""
    called = probabilities.argmax(axis=1)
    confusion = confusion_of(probabilities, examples.targets)
    missed = np.flatnonzero(called != examples.targets).tolist()
    return Report(
        float((called == examples.targets).mean()),
        expected_calibration_error(probabilities, examples.targets),
        calibration_error_by_chance(probabilities),
        confusion,
        [examples.samples[i].name for i in missed],
    )


def confusion_of(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return how often each label, a row, was called which, int64 (labels, labels)."""
    confusion = np.zeros((probabilities.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (targets, probabilities.argmax(axis=1)), 1)
    return confusion

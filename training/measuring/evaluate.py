"""Figures of a model on a split, measured on the exported graph through the service's path."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement
from app.runtime.session import Session
from training.data.encode import Examples
from training.measuring.calibrate import calibration_error_by_chance, expected_calibration_error
from training.measuring.measurements import measured

_BATCH = 64


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
    network.eval()
    with torch.no_grad():
        parts = [
            network(*(torch.from_numpy(array) for array in examples.batch(indices)[0])).numpy()
            for indices in chunks(len(examples))
        ]
    return np.concatenate(parts)


def features_of(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return by what the novelty of a network with `read` is told, float32 (samples, d)."""
    network.eval()
    with torch.no_grad():
        parts = [
            network.read(  # type: ignore[operator]
                *(torch.from_numpy(array) for array in examples.batch(indices)[0])
            ).features.numpy()
            for indices in chunks(len(examples))
        ]
    return np.concatenate(parts)


def probabilities_of(model: bytes, examples: Examples, output: str) -> np.ndarray:
    """Return the exported graph's probabilities, float32 (samples, labels)."""
    return outputs_of(model, examples, [output])[0]


def outputs_of(model: bytes, examples: Examples, outputs: Sequence[str]) -> list[np.ndarray]:
    """Return these outputs of the exported graph, each float32 (samples, …)."""
    session = Session(model, threads=torch.get_num_threads())
    names = [spec.name for spec in examples.inputs]
    parts = [
        session.run(dict(zip(names, examples.batch(indices)[0], strict=True)))
        for indices in chunks(len(examples))
    ]
    return [np.concatenate([part[output] for part in parts]) for output in outputs]


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


def chunks(count: int) -> list[range]:
    """Return the places of `count` examples in batches of a fixed size."""
    return [range(i, min(i + _BATCH, count)) for i in range(0, count, _BATCH)]

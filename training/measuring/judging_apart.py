"""Labelled samples that a finished network never saw: to calibrate it on, and to judge it by."""

from dataclasses import dataclass

from app.bundle import Manifest, Measurement
from training.data.encode import Examples
from training.measuring.answers import Answers
from training.measuring.calibrate import log_loss
from training.measuring.evaluate import evaluate
from training.measuring.trust import trust_figures


@dataclass(frozen=True, slots=True)
class Parts:
    """Encoded, to set the temperature, to set the thresholds, to judge by: `judged_apart`."""

    name: str
    choosing: Examples
    calibration: Examples
    test: Examples


def figures_on(manifest: Manifest, answers: Answers, parts: Parts) -> list[Measurement]:
    """Return how right, how calibrated and how sure the answers on the last part are."""
    test = parts.test
    report = evaluate(answers.probabilities, test, manifest.labels)
    figures = {
        "accuracy": report.accuracy,
        "expected calibration error": report.calibration_error,
        "expected calibration error of perfectly calibrated answers, by chance": (
            report.chance_error
        ),
        "negative log-likelihood": log_loss(answers.probabilities, test.targets),
    }
    trust = trust_figures(answers, test.targets, manifest.conformal, manifest.novelty)
    measured = [
        Measurement(name=name, value=value, split=parts.name, samples=len(test))
        for name, value in figures.items()
    ]
    return measured + [m.model_copy(update={"split": parts.name}) for m in trust]

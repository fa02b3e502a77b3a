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
    test, name = parts.test, parts.name
    likelihood = Measurement(
        name="negative log-likelihood",
        value=log_loss(answers.probabilities, test.targets),
        split=name,
        samples=len(test),
    )
    rules = (manifest.conformal, manifest.novelty)
    return [
        *evaluate(answers.probabilities, test, manifest.labels).measurements(name),
        likelihood,
        *trust_figures(answers, test.targets, rules, name),
    ]

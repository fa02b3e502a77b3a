"""Labelled samples that a finished network never saw: to calibrate it on, and to judge it by."""

from dataclasses import dataclass

from app.bundle import Measurement
from training.data.encode import Examples
from training.measuring.answers import Answers
from training.measuring.calibrate import log_loss
from training.measuring.evaluate import evaluate
from training.measuring.trust import Rules, trust_figures


@dataclass(frozen=True, slots=True)
class Parts:
    """Encoded, to set the temperature, to set the thresholds, to judge by: `split_calibration`."""

    name: str
    choosing: Examples
    calibration: Examples
    test: Examples


def figures_on(answers: Answers, examples: Examples, rules: Rules, name: str) -> list[Measurement]:
    """Return how right, how calibrated and how sure the answers to samples kept aside are."""
    likelihood = Measurement(
        name="negative log-likelihood",
        value=log_loss(answers.probabilities, examples.targets),
        split=name,
        samples=len(examples),
    )
    return [
        *evaluate(answers.probabilities, examples).measurements(name),
        likelihood,
        *trust_figures(answers, examples.targets, rules, name),
    ]

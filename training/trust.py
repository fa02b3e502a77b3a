"""What an exported classifier says of its own answers: set up on data that nothing was fitted to,
measured on the untouched test split and on data of other kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.bundle import Conformal, Measurement, NoveltyScore
from training.calibrate import log_loss
from training.conformal import COVERAGE, least_ambiguous, set_figures
from training.data.encode import Examples
from training.data.sources import warn
from training.evaluate import outputs_of, probabilities_of
from training.export import NOVELTY, OUTPUT
from training.novelty import novelty_figures


@dataclass(frozen=True, slots=True)
class Trust:
    """What the manifest and the card say of label sets and novelty; None: too few samples."""

    conformal: Conformal | None
    novelty: NoveltyScore | None
    metrics: tuple[Measurement, ...]


def assess(
    model: bytes,
    novelty: NoveltyScore | None,
    calibration: Examples,
    test: Examples,
    outliers: Mapping[str, Examples],
) -> Trust:
    """Set the threshold of the label sets, and measure sets and novelty."""
    probabilities = probabilities_of(model, test, OUTPUT)
    figures = [
        Measurement(
            name="negative log-likelihood",
            value=log_loss(probabilities, test.targets),
            split="test",
            samples=len(test),
        )
    ]
    conformal = None
    if len(calibration):
        held_out = probabilities_of(model, calibration, OUTPUT)
        conformal = least_ambiguous(held_out, calibration.targets)
    if conformal is None:
        few = f"{len(calibration)} calibration samples are too few"
        warn(f"{few} for label sets at {100 * COVERAGE:g} % and for novelty; neither is given")
    else:
        figures += set_figures(conformal, probabilities, test.targets)
    if novelty is not None:
        familiar, *strange = (
            outputs_of(model, examples, [NOVELTY])[0] for examples in (test, *outliers.values())
        )
        kinds = dict(zip(outliers, strange, strict=True))
        figures += novelty_figures(familiar, kinds, novelty.threshold)
    return Trust(conformal, novelty, tuple(figures))

"""`--target-precision`: the answers of a model have the precision that is asked for."""

import logging
from dataclasses import dataclass

from app.bundle import AnswerThreshold
from app.bundle.tensors import PROBABILITIES
from training.data.encode import Examples
from training.data.sources import warn
from training.errors import BadData, TrainingError
from training.measuring.answer_threshold import LEVEL, fit_answer_threshold, least_answered
from training.measuring.evaluate import probabilities_of
from training.recipes.recipe import Recipe

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promise:
    """The threshold of confidence, if one was asked for and found, and warnings for the card."""

    rule: AnswerThreshold | None = None
    warnings: tuple[str, ...] = ()


def check_promise(recipe: Recipe, calibration: int) -> None:
    """Raise `BadData` where so many calibration samples cannot show the precision; before training.

    A model that is published by force is trained nevertheless.
    """
    target = recipe.demands.target_precision
    if target is None or recipe.demands.forced:
        return
    least = least_answered(target)
    if calibration < least:
        raise BadData(
            f"--target-precision {target:g} takes {least} calibration samples, all of them "
            f"answered correctly, to be shown with {100 * LEVEL:g} % confidence; there are "
            f"{calibration}. Give more samples, or ask for a lower precision"
        )


def keep_promise(
    recipe: Recipe, model: bytes, selection: Examples, calibration: Examples
) -> Promise:
    """Find the threshold; raise `TrainingError` where there is none, unless it is forced."""
    target = recipe.demands.target_precision
    if target is None or len(calibration) == 0:  # `check_promise` has said what is missing
        return Promise()
    chosen, held_out = (
        probabilities_of(model, part, PROBABILITIES) for part in (selection, calibration)
    )
    found = fit_answer_threshold(chosen, held_out, calibration.targets, target)
    if found is not None:
        _LOG.info(
            "at a probability of %.4f or more, %.1f %% of %d calibration samples are answered, "
            "%g %% of them right with %g %% confidence",
            found.threshold,
            100 * found.answered,
            found.samples,
            100 * target,
            100 * LEVEL,
        )
        return Promise(found)
    right = held_out.argmax(axis=1) == calibration.targets
    why = (
        f"a precision of {100 * target:g} % cannot be promised with {100 * LEVEL:g} % confidence: "
        f"of {len(right)} calibration samples {100 * right.mean():.1f} % are answered correctly, "
        "and too few of the most confident ones"
    )
    if not recipe.demands.forced:
        raise TrainingError(f"{recipe.name} is not published: {why}; --force publishes it without")
    warn(why)
    return Promise(None, (f"It was published by force: {why}.",))

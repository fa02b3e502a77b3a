"""The validation split in two parts, and which labels each of them lacks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.data.encode import Examples
from training.data.sources import warn_each
from training.data.split import split_validation
from training.recipes.recipe import Recipe
from training.runs.prepare import PreparedData

_NAMED = 3


@dataclass(frozen=True, slots=True)
class ValidationParts:
    """The validation split in two parts.

    selection: chooses the epoch and the temperature. calibration: sets thresholds alone. warnings:
    of labels that one of them has no sample of.
    """

    selection: Examples
    calibration: Examples
    warnings: tuple[str, ...] = ()


def divide_validation(recipe: Recipe, data: PreparedData) -> ValidationParts:
    """Divide the validation split; warn of labels that are missing in a part."""
    halves = split_validation(data.validation.samples, recipe.shares.rule)
    selection, calibration = (data.validation.select(half) for half in halves)
    warnings = _missing_labels(selection, calibration, data.labels)
    warn_each(warnings)
    return ValidationParts(selection, calibration, warnings)


def _missing_labels(
    selection: Examples, calibration: Examples, labels: Sequence[str]
) -> tuple[str, ...]:
    """Return a line on labels without samples in the part that selects or that calibrates."""
    lines = []
    parts = (("chooses the epoch and the temperature", selection), ("calibrates", calibration))
    for what, part in parts:
        counts = np.bincount(part.targets, minlength=len(labels))
        absent = [repr(labels[i]) for i in np.flatnonzero(counts == 0).tolist()]
        if absent:
            more = f" and {len(absent) - _NAMED} more" if len(absent) > _NAMED else ""
            lines.append(
                f"the part that {what} has no sample of {', '.join(absent[:_NAMED])}{more}: its "
                "samples, or the groups that they are in, are too few to be in every part"
            )
    return tuple(lines)

"""What a run adds to the recipe for the user's own files, whose labels nobody has balanced."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from training.data.split import Splits
from training.data.split_record import SPLIT, record_split, with_known_split
from training.fitting.fit import balancing_power
from training.recipes.recipe import Recipe


def with_recorded_split(recipe: Recipe, models: Path) -> Recipe:
    """Return the recipe with the split that the newest version of the same name recorded."""
    if not recipe.is_own_data:
        return recipe
    return replace(recipe, shares=with_known_split(recipe.shares, models / recipe.name))


def split_files(recipe: Recipe, splits: Splits) -> dict[str, bytes]:
    """Return the record of the split, by the name of its file."""
    return {SPLIT: record_split(recipe.shares, splits)} if recipe.is_own_data else {}


def balanced(recipe: Recipe, targets: np.ndarray) -> Recipe:
    """Return the recipe with class weights that fit the imbalance; targets: int64 (samples,).

    The loss that chooses the epoch has the same weights.
    """
    schedule = recipe.schedule
    if not recipe.is_own_data or schedule.class_weight_power or schedule.objective is not None:
        return recipe
    power = balancing_power(targets)
    changed = replace(schedule, class_weight_power=power, weighted_choice=power > 0)
    return replace(recipe, schedule=changed)

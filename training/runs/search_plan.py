"""What a search tries, in this order: every candidate as it is, then with other learning rates.

The order depends on nothing but the candidates, and neither do the learning rates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from training.recipes.recipe import Recipe
from training.runs.candidates import NO_EPOCHS, Trial
from training.runs.chosen_start import with_learning_rate

# Times the candidate's own, the likelier ones first; ten times as high seldom converges.
RATE_FACTORS = (0.3, 3.0, 0.1)


@dataclass(frozen=True, slots=True)
class Variation:
    """One trial: the place of its candidate, and another learning rate than the candidate's."""

    candidate: int
    learning_rate: float | None = None

    def of(self, candidates: Sequence[Recipe]) -> Recipe:
        """Return the recipe that is tried."""
        recipe = candidates[self.candidate]
        rate = self.learning_rate
        return recipe if rate is None else with_learning_rate(recipe, rate)


def plan_search(
    candidates: Sequence[Recipe], most: int | None
) -> tuple[list[Variation], list[Trial]]:
    """Return at most so many variations, and the trials of candidates that are left out.

    most: None for one of each candidate.
    """
    planned = [Variation(place) for place in range(len(candidates))]
    most = len(planned) if most is None else most
    for factor in RATE_FACTORS:
        for place, recipe in enumerate(candidates):
            if recipe.lineage.start not in NO_EPOCHS:
                # In three digits, so that `--learning-rate` can name it.
                rate = float(f"{factor * recipe.schedule.learning_rate:.3g}")
                planned.append(Variation(place, rate))
    why = f"not tried: --search allows {most} training{'s' * (most != 1)}"
    left_out = [Trial(recipe, why=why) for recipe in candidates[most:]]
    return planned[:most], left_out

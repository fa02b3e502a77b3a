"""A search tries every candidate, then other learning rates, always in the same order."""

from dataclasses import replace

import pytest

from tests.training.samples import gray_pictures, toy_recipe
from training.recipes.recipe import Lineage, Recipe, Start
from training.runs.candidates import Trial
from training.runs.search_plan import Variation, plan_search


def candidate(start: Start, rate: float) -> Recipe:
    recipe = replace(toy_recipe(gray_pictures()), lineage=Lineage(start=start))
    return replace(recipe, schedule=replace(recipe.schedule, learning_rate=rate))


CANDIDATES = (candidate("linear", 1.0), candidate("scratch", 2e-3), candidate("pretrained", 3e-3))


def test_every_candidate_comes_first_as_it_is() -> None:
    planned, left_out = plan_search(CANDIDATES, None)
    assert planned == [Variation(0), Variation(1), Variation(2)] and left_out == []
    assert [each.of(CANDIDATES) for each in planned] == list(CANDIDATES)


def test_then_other_learning_rates_where_there_are_epochs() -> None:
    planned, _ = plan_search(CANDIDATES, 100)
    rates = [(each.candidate, each.learning_rate) for each in planned[3:]]
    assert rates == [(1, 6e-4), (2, 9e-4), (1, 6e-3), (2, 9e-3), (1, 2e-4), (2, 3e-4)]
    assert plan_search(CANDIDATES, 5)[0] == planned[:5]


def test_a_variation_is_named_by_its_learning_rate_and_its_lineage_keeps_it() -> None:
    recipe = Variation(1, 6e-4).of(CANDIDATES)
    assert recipe.schedule.learning_rate == recipe.lineage.learning_rate == 6e-4
    assert Trial(recipe).name == "scratch, learning rate 0.0006"


@pytest.mark.parametrize(("most", "said"), [(1, "1 training"), (2, "2 trainings")])
def test_candidates_that_are_left_out_say_so(most: int, said: str) -> None:
    planned, left_out = plan_search(CANDIDATES, most)
    assert len(planned) == most
    assert [trial.recipe for trial in left_out] == list(CANDIDATES[most:])
    assert {trial.why for trial in left_out} == {f"not tried: --search allows {said}"}

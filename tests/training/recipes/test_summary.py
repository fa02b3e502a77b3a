"""What is known of the shipped recipes without importing them."""

import pytest

from training.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_the_summary_of_a_shipped_recipe_is_that_of_the_recipe(name: str):
    recipe = RECIPES[name]
    assert RECIPES.summary(name) == recipe.summary()
    assert recipe.name == name

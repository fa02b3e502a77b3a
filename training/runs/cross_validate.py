"""The network against the recipe's baseline by cross-validation: each sample is tested once.

One test split of a thousand samples leaves a handful of mistakes; only all samples together
can tell two good methods apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]

from training.data.split import TEST, Shares
from training.errors import BadData, TrainingError
from training.measuring.evaluate import logits_of
from training.recipes.recipe import Recipe
from training.runs.classifier import arrange, load
from training.runs.fit_recipe import train_network


@dataclass(frozen=True, slots=True)
class Comparison:
    """Which test samples each of the two calls wrongly, bool (samples,)."""

    network: np.ndarray
    baseline: np.ndarray

    @property
    def alone(self) -> tuple[int, int]:
        """How many samples only the network calls wrongly, and how many only the baseline."""
        network, baseline = self.network, self.baseline
        return int((network & ~baseline).sum()), int((baseline & ~network).sum())

    @property
    def p_value(self) -> float:
        """McNemar's exact test, two-sided: how often two equals would differ at least so."""
        network, baseline = self.alone
        differing = network + baseline
        return float(binomtest(network, differing).pvalue) if differing else 1.0

    def __str__(self) -> str:
        count, (network, baseline) = len(self.network), self.alone
        return (
            f"wrong: network {self.network.sum()}/{count}, baseline {self.baseline.sum()}/{count}; "
            f"only the network {network}, only the baseline {baseline}"
        )


def compare(recipe: Recipe, data: Path | None, folds: int) -> Comparison:
    """Train both once per fold as a run does, print the figures, and return those of all folds.

    Raises `TrainingError` when there is no baseline, `BadData` when there can be no folds.
    """
    if recipe.baseline is None:
        raise TrainingError(f"{recipe.name} has no baseline to compare with")
    dataset = load(recipe, data)
    if any(sample.fixed == TEST for sample in dataset.samples):
        raise BadData(f"{dataset.name}: the test split is prescribed; there are no folds")
    parts = []
    for number, shares in enumerate(_windows(folds, recipe.shares.validation), 1):
        prepared = arrange(replace(recipe, shares=shares), dataset)
        network, _ = train_network(
            recipe, len(prepared.labels), prepared.train, prepared.validation, prepared.files
        )
        called = logits_of(network, prepared.test).argmax(axis=1)
        _, right = recipe.baseline(prepared.splits)
        parts.append(Comparison(called != prepared.test.targets, ~right))
        print(f"fold {number}/{folds}  {parts[-1]}", flush=True)
    total = Comparison(
        np.concatenate([part.network for part in parts]),
        np.concatenate([part.baseline for part in parts]),
    )
    print(f"all folds  {total}; p = {total.p_value:.2g} (McNemar, exact, two-sided)")
    return total


def _windows(folds: int, validation: int) -> Iterator[Shares]:
    """Yield shares whose test splits take the hundred places in turn."""
    edges = [100 * number // folds for number in range(folds + 1)]
    for first, end in pairwise(edges):
        yield Shares(validation, end - first, first)

"""The network against the recipe's baseline by cross-validation: each sample is tested once.

A test split of a thousand samples leaves a handful of mistakes; it takes all samples to find a
difference between two good methods.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.stats import binomtest  # type: ignore[import-untyped]

from training.data.dataset import TEST
from training.data.split import Shares
from training.errors import BadData, TrainingError
from training.measuring.evaluate import logits_of
from training.recipes.recipe import Recipe
from training.runs.fit_recipe import train_network
from training.runs.prepare import arrange, load

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The test samples that each of the two predicts wrongly, bool (samples,)."""

    network: np.ndarray
    baseline: np.ndarray

    @property
    def alone(self) -> tuple[int, int]:
        """The number of samples that only the network predicts wrongly, and only the baseline."""
        network, baseline = self.network, self.baseline
        return int((network & ~baseline).sum()), int((baseline & ~network).sum())

    @property
    def p_value(self) -> float:
        """McNemar's exact test, two-sided: how often equally good methods differ this much."""
        network, baseline = self.alone
        differing = network + baseline
        return float(binomtest(network, differing).pvalue) if differing else 1.0

    def __str__(self) -> str:
        count, (network, baseline) = len(self.network), self.alone
        return (
            f"wrong: network {self.network.sum()}/{count}, baseline {self.baseline.sum()}/{count}; "
            f"only the network {network}, only the baseline {baseline}"
        )

    def summary(self) -> str:
        """Return the figures of all folds as a line of text, with the p-value."""
        return f"all folds  {self}; p = {self.p_value:.2g} (McNemar, exact, two-sided)"


def compare(recipe: Recipe, data: Path | None, folds: int) -> Comparison:
    """Train both once per fold as a run does, and return the mistakes in all folds.

    Raises `TrainingError` when there is no baseline, `BadData` when there can be no folds.
    """
    if recipe.baseline is None:
        raise TrainingError(f"{recipe.name} has no baseline to compare with")
    dataset = load(recipe, data)
    if any(sample.fixed == TEST for sample in dataset.samples):
        raise BadData(f"{dataset.name}: the test split is prescribed; there are no folds")
    parts = []
    for number, shares in enumerate(_windows(folds, recipe.shares), 1):
        prepared = arrange(replace(recipe, shares=shares), dataset)
        network, _ = train_network(
            recipe, len(prepared.labels), prepared.train, prepared.validation, prepared.files
        )
        predicted = logits_of(network, prepared.test).argmax(axis=1)
        _, right = recipe.baseline(prepared.splits)
        parts.append(Comparison(predicted != prepared.test.targets, ~right))
        _LOG.info("fold %d/%d  %s", number, folds, parts[-1])
    return Comparison(
        np.concatenate([part.network for part in parts]),
        np.concatenate([part.baseline for part in parts]),
    )


def _windows(folds: int, shares: Shares) -> Iterator[Shares]:
    """Yield shares whose test splits take the hundred places in turn."""
    edges = [100 * number // folds for number in range(folds + 1)]
    for first, end in pairwise(edges):
        yield replace(shares, test=end - first, first=first)

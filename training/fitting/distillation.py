"""A network learns what a larger one, its teacher, makes of the training samples and of new ones.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. The teacher learns
from the same training samples, so nothing that is tested reaches the network by way of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch
from torch import nn

from app.engine.collate import Arrays
from app.engine.forest import NAMES, join, node_places
from training.data.encode import Examples
from training.data.recombined import recombined
from training.fitting.curve import History
from training.fitting.fit import Schedule, fit
from training.networks.contextual import ContextualTreeLSTM, judged
from training.recipes.recipe import Recipe

Files = Mapping[str, bytes]
_AT_ONCE = 64  # trees


@dataclass(frozen=True, slots=True)
class Distilled:
    """How a network over trees learns from a teacher; a recipe's `learn`.

    teacher: of so many labels and the bundle's files. schedule: the teacher's. start: what the
    network takes from the taught teacher before it learns. near: the words that may stand for
    each, of the network, int64 (ids, k). copies: changed copies of every training sample. share: of
    the teacher's word on the samples that have labels.
    """

    teacher: Callable[[int, Files], ContextualTreeLSTM]
    schedule: Schedule
    start: Callable[[nn.Module, ContextualTreeLSTM, Files], None]
    near: Callable[[nn.Module], np.ndarray]
    copies: int
    share: float = 0.5

    def __call__(
        self,
        network: nn.Module,
        examples: Examples,
        validation: Examples,
        recipe: Recipe,
        files: Files,
    ) -> History:
        """Train `network` in place and return its learning curve."""
        torch.manual_seed(recipe.seed)
        teacher = self.teacher(len(recipe.labels), files)
        print("the teacher:", flush=True)
        fit(teacher, examples, validation, self.schedule, seed=recipe.seed)
        self.start(network, teacher, files)
        more = self._enlarged(teacher, self.near(network), examples, recipe.seed)
        return fit(network, more, validation, recipe.schedule, seed=recipe.seed)

    def _enlarged(
        self, teacher: ContextualTreeLSTM, near: np.ndarray, examples: Examples, seed: int
    ) -> Examples:
        """Return the examples and their copies, with probabilities to learn."""
        begun = perf_counter()
        new = recombined(examples.items, near, self.copies, seed)
        told = probabilities(teacher, [*examples.items, *new])
        print(f"{len(new)} new trees, judged in {perf_counter() - begun:.0f} s", flush=True)
        known, times = len(examples), 1 + self.copies
        certain = np.eye(told[0].shape[1], dtype=np.float32)
        mixed = [
            self.share * soft + (1 - self.share) * certain[own]
            for soft, own in zip(told[:known], examples.lessons, strict=True)
        ]
        return replace(
            examples,
            items=[*examples.items, *new],
            targets=np.tile(examples.targets, times),
            samples=[*examples.samples] * times,
            lessons=[*mixed, *told[known:]],
        )


def probabilities(teacher: ContextualTreeLSTM, trees: list[Arrays]) -> list[np.ndarray]:
    """Return what the teacher says of every node of each tree, float32 (nodes, labels)."""
    teacher.eval()
    order = np.argsort([len(tree["tokens"]) for tree in trees], kind="stable")
    told: list[np.ndarray] = [np.empty(0)] * len(trees)
    for part in np.split(order, range(_AT_ONCE, len(order), _AT_ONCE)):
        chosen = [trees[place] for place in part]
        forest = join(chosen)
        nodes = judged(teacher, *(torch.from_numpy(forest[name]) for name in NAMES)).numpy()
        for place, own in zip(part, node_places(chosen), strict=True):
            told[place] = nodes[own]
    return told

"""What a teacher says reaches the network that learns, and nothing that is tested the teacher."""

import numpy as np
import torch
from torch import Tensor, nn

from app.bundle import TreeSpec
from app.engine.collate import collate
from tests.training.encoders import WORDS, contextual
from tests.training.samples import gray_pictures, sample, toy_recipe
from tests.trees import LISTS, forest
from training.data.encode import Examples
from training.fitting.distillation import Distilled, probabilities
from training.fitting.fit import Schedule
from training.networks.contextual import judged
from training.networks.recursive import TreeLSTM

SPECS = TreeSpec(notation="listops").tensors()
TREES = [forest(text) for text in LISTS]
LABELS = ("0", "1", "2")
BRIEF = Schedule(epochs=1, batch=5, patience=None, quiet=True)


class Watched(TreeLSTM):
    """Notes the trees that it learns from, by their words."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        super().__init__(table=nn.Embedding(len(WORDS), 5), classes=len(LABELS), hidden=6)
        self.seen = 0

    def forward(self, *forest: Tensor) -> Tensor:
        self.seen += len(forest[4]) * self.training
        return super().forward(*forest)


def examples() -> Examples:
    lessons = [np.arange(len(t["tokens"]) + len(t["left"])) % len(LABELS) for t in TREES]
    targets = np.asarray([lesson[-1] for lesson in lessons])
    return Examples(TREES, targets, [sample(text, LABELS[0]) for text in LISTS], SPECS, lessons)


def distilled(**changes) -> Distilled:
    given = {
        "teacher": lambda labels, files: contextual(labels),
        "schedule": BRIEF,
        "start": lambda network, teacher, files: None,
        "near": lambda network: np.zeros((len(WORDS), 2), dtype=np.int64),
        "copies": 3,
    }
    return Distilled(**(given | changes))


def learned(how: Distilled) -> Watched:
    network = Watched()
    recipe = toy_recipe(gray_pictures(), labels=LABELS, schedule=BRIEF)
    how(network, examples(), examples(), recipe, {})
    return network


def weights(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])


def test_all_trees_at_once_are_judged_as_each_alone() -> None:
    teacher = contextual(3)
    for told, tree in zip(probabilities(teacher, TREES), TREES, strict=True):
        alone = judged(teacher, *map(torch.from_numpy, collate([tree], SPECS).values()))
        assert np.allclose(told, alone.numpy(), atol=1e-5)


def test_the_network_learns_from_the_samples_and_their_copies() -> None:
    assert learned(distilled()).seen == 4 * len(TREES)
    assert learned(distilled(copies=0)).seen == len(TREES)


def test_without_a_share_and_copies_the_teacher_does_not_matter() -> None:
    def other(labels, files):
        teacher = contextual(labels)
        nn.init.ones_(teacher.head.weight)
        return teacher

    deaf = [
        learned(distilled(copies=0, share=0.0, teacher=t)) for t in (distilled().teacher, other)
    ]
    heard = [
        learned(distilled(copies=0, share=1.0, teacher=t)) for t in (distilled().teacher, other)
    ]
    assert torch.equal(*map(weights, deaf)) and not torch.equal(*map(weights, heard))


def test_the_network_starts_from_what_the_teacher_learned() -> None:
    given = []
    learned(distilled(start=lambda network, teacher, files: given.append(weights(teacher))))
    torch.manual_seed(1)
    assert len(given) == 1 and not torch.equal(given[0], weights(contextual(len(LABELS))))

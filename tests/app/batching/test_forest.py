"""Joining trees renumbers their nodes and changes nothing else."""

from itertools import pairwise

import numpy as np
import pytest

from app.batching.collate import collate, split_outputs
from app.batching.forest import FOREST_INPUTS, join, node_places
from app.bundle.tensors import TensorSpec, size_of
from app.modalities.tree.spec import TreeSpec
from tests.trees import LISTS, drawn, forest

FORESTS = [forest(text) for text in LISTS]
SPECS = TreeSpec(notation="listops").tensors()


@pytest.mark.parametrize("order", [[0], [1], [0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 1, 1], [3, 3]])
def test_joining_keeps_the_shape_and_tokens_of_every_tree(order: list[int]) -> None:
    trees = [FORESTS[i] for i in order]
    joined = collate(trees, SPECS)
    assert tuple(joined) == FOREST_INPUTS == tuple(spec.name for spec in SPECS)
    for tree, root in zip(trees, joined["roots"], strict=True):
        assert drawn(joined, root) == drawn(tree, tree["roots"][0])


def test_children_are_numbered_below_their_parents_level() -> None:
    joined = join(FORESTS)
    leaves, levels = len(joined["tokens"]), joined["levels"]
    assert levels[0] == 0 and levels[-1] == len(joined["left"])
    for start, end in pairwise(levels):
        assert start < end
        for side in ("left", "right"):
            assert (joined[side][start:end] < leaves + start).all()
    assert all(array.dtype == np.int64 for array in joined.values())


def test_forests_join_to_a_forest() -> None:
    whole, halves = join(FORESTS), join([join(FORESTS[:2]), join(FORESTS[2:])])
    assert all(np.array_equal(whole[name], halves[name]) for name in FOREST_INPUTS)


def test_split_returns_the_nodes_of_each_tree() -> None:
    outputs = (
        TensorSpec(name="probabilities", dtype="float32", shape=("batch", 1)),
        TensorSpec(name="nodes", dtype="float32", shape=("node", 1)),
    )
    places = node_places(FORESTS)
    assert sorted(np.concatenate(places)) == list(range(sum(map(len, places))))
    joined = join(FORESTS)
    rows = np.arange(len(joined["tokens"]) + len(joined["left"]))
    answers = {"probabilities": joined["roots"][:, None], "nodes": rows[:, None]}
    for forest_of_one, answer in zip(
        FORESTS, split_outputs(answers, FORESTS, outputs), strict=True
    ):
        assert answer["nodes"][forest_of_one["roots"][0]] == answer["probabilities"]
        assert len(answer["nodes"]) == len(forest_of_one["tokens"]) + len(forest_of_one["left"])


def test_trees_are_not_bucketed_by_length() -> None:
    assert size_of(SPECS) is None

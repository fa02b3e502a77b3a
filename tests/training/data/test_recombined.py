"""New trees are trees, of old phrases and near words, the same under one seed."""

import numpy as np
import pytest

from app.engine.forest import join
from app.inputs import listops
from tests.trees import IDS, LISTS, drawn, forest
from training.data import recombined as module
from training.data.recombined import recombined

TREES = [forest(text) for text in LISTS]
NEAR = (np.arange(len(IDS))[:, None] + [[1, 2]]) % len(IDS)


def texts(trees) -> list[str]:
    return [drawn(tree, int(tree["roots"][0])) for tree in trees]


def test_each_copy_is_a_tree_and_one_seed_gives_the_same() -> None:
    new = recombined(TREES, NEAR, 40, seed=1)
    assert len(new) == 40 * len(TREES)
    for tree in new:
        leaves, inner = len(tree["tokens"]), len(tree["left"])
        children = np.concatenate([tree["left"], tree["right"]])
        assert inner == leaves - 1 == tree["levels"][-1]
        assert sorted(children) == [n for n in range(leaves + inner) if n != tree["roots"][0]]
    assert texts(recombined(TREES, NEAR, 40, seed=1)) == texts(new)
    assert texts(recombined(TREES, NEAR, 40, seed=2)) != texts(new)
    assert len(set(texts(new))) > 20
    assert join(new)["roots"].shape == (len(new),)


def test_nothing_changed_is_the_same_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXCHANGED", 0.0)
    monkeypatch.setattr(module, "REPLACED", 0.0)
    for new, old in zip(recombined(TREES, NEAR, 1, seed=1), TREES, strict=True):
        assert all(np.array_equal(new[name], old[name]) for name in old)


def test_words_give_way_to_near_ones_and_the_unknown_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXCHANGED", 0.0)
    monkeypatch.setattr(module, "REPLACED", 1.0)
    for new, old in zip(recombined(TREES, NEAR, 1, seed=1), TREES, strict=True):
        for word, before in zip(new["tokens"], old["tokens"], strict=True):
            assert word in NEAR[before] if before else word == 0


def test_phrases_stand_on_the_side_where_they_stood(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a list an operator is always to the left, whatever is exchanged, and a digit never."""
    monkeypatch.setattr(module, "EXCHANGED", 3.0)
    monkeypatch.setattr(module, "REPLACED", 0.0)
    lists = [tree for tree in TREES if len(tree["left"])]
    operators = {IDS[word] for word in listops.OPERATORS}
    new = recombined(lists, NEAR, 10, seed=1)
    assert len(set(texts(new)) - set(texts(lists))) > 10
    for tree in new:
        words = dict(enumerate(tree["tokens"]))
        assert not {words.get(child) for child in tree["right"]} & operators
        assert {words[child] for child in tree["left"] if child in words} <= operators

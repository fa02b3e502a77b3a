"""The generator keeps the rules, and knows the value of every list."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from app.modalities.tree.listops import CLOSING_BRACKET, DIGITS, OPERATORS
from tests.trees import IDS, forest, grown
from training.data.encode import IGNORE_INDEX
from training.datasets.listops import DEPTH, VOCABULARY, load, node_values
from training.errors import BadData

COUNTS = {"train": 300, "validation": 50, "test": 50}
DATASET = load(None, COUNTS)
TEXTS = [sample.payload.data.decode() for sample in DATASET.samples]


def test_the_same_seed_gives_the_same_trees() -> None:
    assert load(None, COUNTS).sha256 == DATASET.sha256 != load(None, COUNTS, seed=1).sha256


def test_no_tree_comes_twice_and_the_splits_are_as_asked() -> None:
    assert len(set(TEXTS)) == 400
    assert Counter(sample.fixed for sample in DATASET.samples) == COUNTS


def test_the_words_are_the_encoders() -> None:
    assert VOCABULARY == tuple(IDS) == (*OPERATORS, CLOSING_BRACKET, *DIGITS)


def test_the_rules() -> None:
    deepest, digits, arguments, sizes = 0, 0, 0, Counter()
    for text in TEXTS:
        assert text.startswith(OPERATORS) and text.endswith(CLOSING_BRACKET)
        open_lists: list[int] = []
        for word in text.split():
            if word == CLOSING_BRACKET:
                sizes[open_lists.pop()] += 1
                continue
            if open_lists:
                open_lists[-1] += 1
            if word in OPERATORS:
                open_lists.append(0)
                deepest = max(deepest, len(open_lists))
            # short trees come but once, so over all lists there are fewer digits than 3/4
            digits, arguments = digits + (word in DIGITS), arguments + 1
        assert not open_lists
    assert set(sizes) == {2, 3, 4, 5}
    assert max(sizes.values()) < 1.3 * min(sizes.values())
    assert 4 < deepest < DEPTH and 0.65 < digits / arguments < 0.8


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[MAX 2 9 [MIN 4 7 ] 0 ]", 9),
        ("[MED 1 4 ]", 2),
        ("[MED 9 1 4 ]", 4),
        ("[MED 9 1 4 7 ]", 5),
        ("[SM 9 9 9 ]", 7),
        ("[MIN [SM 5 5 ] 3 ]", 0),
        ("7", 7),
    ],
)
def test_the_value_of_a_tree(text: str, value: int) -> None:
    assert node_values(forest(text))[-1] == value


def test_every_list_within_has_its_value_and_nothing_else_has() -> None:
    tree = grown("[MAX 2 [MIN 4 7 ] 0 ]")
    values = node_values(forest("[MAX 2 [MIN 4 7 ] 0 ]"))
    known = {
        phrase: value
        for node, phrase, value in zip(tree.nodes(), tree.phrases(), values, strict=True)
        if phrase is not None
    }
    assert known == {"2": 2, "4": 4, "7": 7, "0": 0, "[MIN 4 7 ]": 4, "[MAX 2 [MIN 4 7 ] 0 ]": 4}
    assert (values == IGNORE_INDEX).sum() == len(values) - len(known)


def test_labels_are_the_values() -> None:
    for sample, text in zip(DATASET.samples, TEXTS, strict=True):
        assert str(node_values(forest(text))[-1]) == sample.label
    assert np.unique([sample.label for sample in DATASET.samples]).tolist() == list(DIGITS)


def test_data_cannot_be_given() -> None:
    with pytest.raises(BadData, match="generated"):
        load(Path("here"))

"""Documents → vocabulary and passages."""

import numpy as np
import pytest

from training.data.passages import build_vocabulary, passages
from training.errors import BadData


def test_vocabulary_is_ordered_by_frequency() -> None:
    texts = ["The day is good. The day is long.", "It is the day. Is it? It is."]
    words = build_vocabulary(texts, 20)
    assert words[:4] == ["<unk>", "<end>", "is", "."]
    assert "the" in words and "The" not in words  # inside a sentence it is always small
    assert build_vocabulary(texts, 5) == words[:5]


def test_passage_targets_are_the_next_words() -> None:
    examples = passages([[5, 6, 7], [8, 9]], [], 3)
    (tokens,), targets = examples.batch(range(len(examples)))
    assert tokens.tolist() == [[1, 5, 6], [7, 1, 8]]
    assert targets.tolist() == [[5, 6, 7], [1, 8, 9]]
    assert np.array_equal(examples.lengths(), [0, 0])


def test_passages_refuse_too_few_words() -> None:
    with pytest.raises(BadData, match="too few words"):
        passages([[5, 6, 7]], [], 3)

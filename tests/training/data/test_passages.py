"""Documents → vocabulary and passages."""

import numpy as np
import pytest

from training.data.passages import build_vocabulary, passages
from training.errors import BadData


def test_the_vocabulary_begins_with_the_commonest() -> None:
    texts = ["The day is good. The day is long.", "It is the day. Is it? It is."]
    words = build_vocabulary(texts, 20)
    assert words[:4] == ["<unk>", "<end>", "is", "."]
    assert "the" in words and "The" not in words  # inside a sentence it is always small
    assert build_vocabulary(texts, 5) == words[:5]


def test_every_target_is_the_next_word_and_documents_end() -> None:
    examples = passages([[5, 6, 7], [8, 9]], [], 3)
    (tokens,), targets = examples.batch(range(len(examples)))
    assert tokens.tolist() == [[1, 5, 6], [7, 1, 8]]
    assert targets.tolist() == [[5, 6, 7], [1, 8, 9]]
    assert np.array_equal(examples.lengths(), [0, 0])


def test_too_few_words_are_refused() -> None:
    with pytest.raises(BadData, match="too few words"):
        passages([[5, 6, 7]], [], 3)

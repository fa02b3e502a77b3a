"""Documents → a vocabulary, and passages of words to train a language model on.

The documents are concatenated, with `END` before each and after the last, and cut into passages of
one length. The target of each word is the next word.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from app.bundle.tensors import TensorSpec
from app.modalities.words.tokenizer import END, SENTENCE_ENDS, UNKNOWN, known_words, split_words
from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.encoded import in_memory
from training.errors import BadData

END_ID = 1


def build_vocabulary(texts: Sequence[str], size: int) -> list[str]:
    """Return `UNKNOWN`, `END` and the most common words and marks, the most common first.

    The first word of a sentence may have a capital only because of its position, so its form counts
    only as far as the word occurs inside sentences.
    """
    documents = [split_words(text) for text in texts]
    elsewhere = Counter(word for words in documents for word in _inside_sentences(words))
    ranks = {word: place for place, word in enumerate(_ranked(elsewhere))}
    counts = Counter(word for words in documents for word in known_words(words, ranks))
    del counts[UNKNOWN]
    return [UNKNOWN, END, *_ranked(counts)[: size - 2]]


def passages(
    documents: Sequence[Sequence[int]], samples: Sequence[Sample], length: int
) -> Examples:
    """Return the documents' words as passages of `length`, targets int64 (passages, length).

    Raises `BadData` when there are too few words for two passages.
    """
    stream = np.asarray(
        [word for words in documents for word in (END_ID, *words)] + [END_ID], dtype=np.int64
    )
    count = (len(stream) - 1) // length
    if count < 2:
        raise BadData(f"too few words for passages of {length}")
    tokens = stream[: count * length].reshape(count, length)
    targets = stream[1 : count * length + 1].reshape(count, length)
    spec = TensorSpec(name="tokens", dtype="int64", shape=("batch", length))
    return Examples(in_memory({"tokens": tokens}), targets, samples, (spec,))


def _inside_sentences(words: Sequence[str]) -> Iterable[str]:
    before = ""
    for word in words:
        if before and before not in SENTENCE_ENDS:
            yield word
        if word != '"':
            before = word


def _ranked(counts: Counter[str]) -> list[str]:
    return sorted(counts, key=lambda word: (-counts[word], word))

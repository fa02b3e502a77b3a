"""New sentences out of old ones: phrases change places, and words give way to near ones.

Nobody has labelled them; a teacher does. Fragments that stand in like places are exchanged, as in
Andreas, "Good-Enough Compositional Data Augmentation", ACL 2020; here a place is the side of the
parent and the number of words. That a teacher labels changed sentences for a smaller network is
from Tang et al., "Distilling Task-Specific Knowledge from BERT into Simple Neural Networks", 2019.
"""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import TypeAlias

import numpy as np

from app.engine.collate import Arrays
from app.inputs.binary_tree import BinaryTree

Phrase: TypeAlias = "int | tuple[Phrase, Phrase]"  # a word's id, or two phrases
LONGEST = 20  # words of a phrase that changes places
EXCHANGED = 0.75  # phrases of a sentence, in the mean
REPLACED = 0.1  # of the words
_ROOM = 1_000


def recombined(
    trees: Sequence[Arrays], near: np.ndarray, copies: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Return so many changed copies of all trees, in order, one copy of all after another.

    trees: forests of one (`app.engine.forest`). near: int64 (ids, k), the words that may stand for
    each; id 0 is kept.
    """
    draw, phrases = Random(seed), [_phrases(tree) for tree in trees]
    places: dict[tuple[bool, int], list[Phrase]] = defaultdict(list)
    for tree, built in zip(trees, phrases, strict=True):
        for side in ("left", "right"):
            for child in tree[side]:
                places[side == "left", _size(built[child])].append(built[child])
    mixer = _Mixer(places, near.tolist(), draw)
    return [mixer.changed(built[-1]) for _ in range(copies) for built in phrases]


class _Mixer:
    def __init__(
        self,
        places: dict[tuple[bool, int], list[Phrase]],
        near: list[list[int]],
        draw: Random,
    ) -> None:
        self._places, self._near, self._draw = places, near, draw

    def changed(self, sentence: Phrase) -> dict[str, np.ndarray]:
        """Return a forest of one."""
        tree, words = BinaryTree(_ROOM, _ROOM), list[int]()
        if isinstance(sentence, tuple):
            sentence = self._children(sentence, EXCHANGED / (2 * _size(sentence) - 2))
        self._grow(sentence, tree, words)
        return tree.arrays(np.asarray(words, dtype=np.int64))

    def _exchange(self, phrase: Phrase, left: bool, share: float) -> Phrase:
        if self._draw.random() < share:
            size = max(1, _size(phrase) + self._draw.choice((-1, 0, 0, 1)))
            if size <= LONGEST and (left, size) in self._places:
                return self._draw.choice(self._places[left, size])
        return self._children(phrase, share) if isinstance(phrase, tuple) else phrase

    def _children(self, pair: "tuple[Phrase, Phrase]", share: float) -> Phrase:
        return self._exchange(pair[0], True, share), self._exchange(pair[1], False, share)

    def _grow(self, phrase: Phrase, tree: BinaryTree, words: list[int]) -> int:
        if isinstance(phrase, tuple):
            left = self._grow(phrase[0], tree, words)
            return tree.join(left, self._grow(phrase[1], tree, words))
        if phrase and self._draw.random() < REPLACED:
            phrase = self._draw.choice(self._near[phrase])
        words.append(phrase)
        return tree.leaf("")


def _phrases(tree: Arrays) -> list[Phrase]:
    """Return the phrase at every node."""
    built: list[Phrase] = [int(word) for word in tree["tokens"]]
    for left, right in zip(tree["left"], tree["right"], strict=True):
        built.append((built[left], built[right]))
    return built


def _size(phrase: Phrase) -> int:
    """Return the number of words."""
    return _size(phrase[0]) + _size(phrase[1]) if isinstance(phrase, tuple) else 1

"""Trees → arrays: lists of ListOps, and sentences of which a parse is given or guessed.

Text is decoded as any text is; `spec.notation` says which grammar reads it. What does not follow
the grammar is refused with the position (characters, from 1) of the first mistake.
"""

import re
from collections.abc import Mapping

import numpy as np

from app.errors import InvalidBundle, InvalidInput
from app.modalities.charset import decode_text
from app.modalities.payload import Encoded, Payload
from app.modalities.tree import listops
from app.modalities.tree import ptb as treebank
from app.modalities.tree import right_branching as sentence
from app.modalities.tree.binary_tree import BinaryTree
from app.modalities.tree.spec import TreeSpec

MEDIA_TYPES = ("text/x-tree", "text/plain")
# Prose may start with a bracket too; a tree's is followed by a label, or by what is a mistake.
_BRACKETED = re.compile(r"\s*+\(\s*+(?:[0-9()]|$|[^\s()]++\s++\()")
_READ = 16_000  # bytes, about; of more a tree is refused or a text cut, and the rest costs little
UNKNOWN_ID = 0  # the id of a word that is not in the vocabulary, where its first line is empty


class TreeEncoder:
    """Parses trees and looks their words up, as `spec` says."""

    media_types = " or ".join(MEDIA_TYPES)

    def __init__(self, spec: TreeSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec
        try:
            words = files[spec.vocabulary].decode("utf-8").removesuffix("\n").split("\n")
        except (KeyError, UnicodeDecodeError) as error:
            raise InvalidBundle(f"{spec.vocabulary} is missing or not UTF-8") from error
        self._ids = {word: number for number, word in enumerate(words)}

    def accepts(self, media_type: str) -> bool:
        """Trees are text, and have a media type of their own for who wants to say so."""
        return media_type in MEDIA_TYPES

    def cost(self, payload: Payload) -> float:
        """By bytes: what can be read is parsed, and explained if asked; the rest is skipped."""
        size = len(payload.data)
        return 5e-5 + 3e-6 * min(size, _READ) + 5e-8 * size

    def encode(self, payload: Payload) -> Encoded[BinaryTree]:
        """Return a forest of one, five int64 arrays; see `app.batching.forest`."""
        text = decode_text(payload)
        if not text.strip():
            raise InvalidInput("expected a tree, got nothing (or only white space)")
        tree = BinaryTree(self.spec.max_leaves, self.spec.max_height)
        truncated = None
        if self.spec.notation == "listops":
            listops.parse(text, tree)
        elif _BRACKETED.match(text) or payload.media_type == MEDIA_TYPES[0]:
            treebank.parse(text, tree)
        else:
            truncated = sentence.parse(text, tree)
        return Encoded(tree.arrays(self.tokens(tree.words)), truncated, tree)

    def tokens(self, words: list[str]) -> np.ndarray:
        """Return the words' ids, int64 (words,): as they are written, else in lower case."""
        ids = (self._ids.get(w, self._ids.get(w.lower(), UNKNOWN_ID)) for w in words)
        return np.fromiter(ids, dtype=np.int64, count=len(words))

"""Trees → arrays. The trees are lists of ListOps, or sentences with or without a parse.

`spec.notation` says which grammar parses the text. A text that does not follow the grammar is
refused with the position (characters, from 1) of the first mistake.
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
# Prose may start with a bracket too; that of a tree is followed by a label or another bracket.
_BRACKETED = re.compile(r"\s*+\(\s*+(?:[0-9()]|$|[^\s()]++\s*+\()")
_READ = 16_000  # bytes that cost time, about: longer trees are refused and longer texts truncated
UNKNOWN_ID = 0  # of a word that is not in the vocabulary, if the first line of that is empty

# Bytes of memory, each the worst that was found by trying.
_FIXED_BYTES = 2**17
_COPIES = 12  # of a byte of the payload: a character of four bytes, in several texts
_NODES = 250  # of the words and nodes of a byte
_LEAF = 8  # bytes of the payload for a leaf, about


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

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `text/…`, and the media type of trees."""
        return media_type in MEDIA_TYPES

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of bytes: the first `_READ` are parsed, the rest is skipped."""
        size = len(payload.data)
        return 5e-5 + 3e-6 * min(size, _READ) + 5e-8 * size

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the text's copies, and of the nodes of the part that is parsed."""
        size = len(payload.data)
        parsed = min(size, max(_READ, _LEAF * self.spec.max_leaves))
        return _FIXED_BYTES + _COPIES * size + _NODES * parsed

    def encode(self, payload: Payload) -> Encoded[BinaryTree]:
        """Return a forest with one tree, five int64 arrays; see `app.batching.forest`."""
        text = decode_text(payload)
        if not text.strip():
            raise InvalidInput(
                "expected a tree, got nothing (or only white space); send a tree or a sentence"
            )
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
        """Return the ids, int64 (words,), of the words in their own spelling or in lower case."""
        ids = (self._ids.get(w, self._ids.get(w.lower(), UNKNOWN_ID)) for w in words)
        return np.fromiter(ids, dtype=np.int64, count=len(words))

"""Building binary trees, and their arrays.

Nodes have numbers in the order of their creation: leaf i is i, inner node j is ~j. Children are
created before their parent, so the last node is the root, and no method recurses.
"""

from dataclasses import dataclass, field

import numpy as np

from app.errors import InvalidInput

_PART = "send a part of it"


def at_character(error: InvalidInput, position: int) -> InvalidInput:
    """Return a mistake with its position in the text, from 1, before what is to be done."""
    mistake, mark, remedy = str(error).partition("; ")
    return InvalidInput(f"{mistake}, at character {position}{mark}{remedy}")


def too_deep(levels: int, brackets: str = "") -> InvalidInput:
    """Return the refusal of a tree that is too high. brackets: how it was seen."""
    return InvalidInput(f"expected a tree of at most {levels} levels, got more{brackets}; {_PART}")


def incomplete(text: str) -> InvalidInput:
    """Return the refusal of a tree that lacks its end."""
    return InvalidInput(
        f"the tree is not complete at its end, after character {len(text)}; close its brackets"
    )


@dataclass(slots=True)
class BinaryTree:
    """A tree of words as leaves and pairs of nodes above them, limited in leaves and in height.

    A level is a pair of nodes above another: a bracket around one node alone adds none.
    """

    max_leaves: int
    max_height: int
    words: list[str] = field(default_factory=list)
    pairs: list[tuple[int, int]] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)  # of inner nodes, from 1
    unnamed: set[int] = field(default_factory=set)  # nodes that are no phrase by themselves

    def leaf(self, word: str) -> int:
        """Add a leaf and return it; raise `InvalidInput` when there are too many."""
        if len(self.words) == self.max_leaves:
            raise InvalidInput(
                f"expected a tree of at most {self.max_leaves} leaves, got more; {_PART}"
            )
        self.words.append(word)
        return len(self.words) - 1

    def join(self, left: int, right: int) -> int:
        """Add the parent of two nodes and return it; raise `InvalidInput` when it is too high."""
        height = 1 + max(self.heights[~node] if node < 0 else 0 for node in (left, right))
        if height > self.max_height:
            raise too_deep(self.max_height)
        self.pairs.append((left, right))
        self.heights.append(height)
        return ~(len(self.pairs) - 1)

    def nodes(self) -> list[int]:
        """Return all nodes in the order of the arrays: leaves, then inner nodes by height."""
        return [*range(len(self.words)), *(~self._order()).tolist()]

    def phrases(self) -> list[str | None]:
        """Return the words below every node, in the order of `nodes`; None for unnamed nodes."""
        spans = [(leaf, leaf + 1) for leaf in range(len(self.words))]
        spans += [(0, 0)] * len(self.pairs)  # indexed by name: inner nodes from the end
        for node, (left, right) in enumerate(self.pairs):
            spans[~node] = spans[left][0], spans[right][1]
        return [
            None if node in self.unnamed else " ".join(self.words[slice(*spans[node])])
            for node in self.nodes()
        ]

    def parents(self) -> list[int | None]:
        """Return the place of every node's parent, in the order of `nodes`; None for the root."""
        nodes = self.nodes()
        places = {node: place for place, node in enumerate(nodes)}
        above = {child: ~inner for inner, pair in enumerate(self.pairs) for child in pair}
        return [places[above[node]] if node in above else None for node in nodes]

    def _order(self) -> np.ndarray:
        return np.argsort(np.asarray(self.heights, dtype=np.int64), kind="stable")

    def arrays(self, tokens: np.ndarray) -> dict[str, np.ndarray]:
        """Return this tree as a forest of one; see `app.batching.forest`.

        tokens: the words' ids, int64 (leaves,).
        """
        order, leaves = self._order(), len(self.words)
        places = np.arange(leaves + len(order))  # indexed by name: inner nodes from the end
        places[~order] = leaves + np.arange(len(order))
        children = places[np.asarray(self.pairs, dtype=np.int64).reshape(-1, 2)[order]]
        count = np.bincount(np.asarray(self.heights, dtype=np.int64), minlength=1)
        return {
            "tokens": tokens,
            "left": children[:, 0],
            "right": children[:, 1],
            "levels": np.cumsum(count, dtype=np.int64),
            "roots": np.asarray([leaves + len(order) - 1], dtype=np.int64),
        }

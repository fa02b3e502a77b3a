"""Random trees, and plain recursions as references for the arrays."""

import numpy as np

from app.modalities.tree import listops
from app.modalities.tree.binary_tree import BinaryTree

IDS = {
    word: i for i, word in enumerate((*listops.OPERATORS, listops.CLOSING_BRACKET, *listops.DIGITS))
}
LISTS = (
    "[MAX 2 9 [MIN 4 7 ] 0 ]",
    "7",
    "[SM 1 2 ]",
    "[MED [MAX 1 2 ] [SM 3 [MIN 4 5 6 ] ] 7 8 9 ]",
    "[MIN 1 [MIN 1 [MIN 1 [MIN 1 [MIN 1 2 ] ] ] ] ]",
)


def grown(text: str) -> BinaryTree:
    tree = BinaryTree(4096, 500)
    listops.parse(text, tree)
    return tree


def forest(text: str) -> dict[str, np.ndarray]:
    tree = grown(text)
    return tree.arrays(np.asarray([IDS[word] for word in tree.words]))


def shape(tree: BinaryTree, node: int | None = None) -> str:
    """Return a tree with brackets around every inner node, by plain recursion."""
    if node is None:
        node = ~(len(tree.pairs) - 1) if tree.pairs else 0
    if node >= 0:
        return tree.words[node]
    return "(" + " ".join(shape(tree, child) for child in tree.pairs[~node]) + ")"


def drawn(arrays: dict[str, np.ndarray], node: int) -> str:
    """Return the same text from a forest's arrays, with token ids for words."""
    leaves = len(arrays["tokens"])
    if node < leaves:
        return str(arrays["tokens"][node])
    left, right = arrays["left"][node - leaves], arrays["right"][node - leaves]
    return f"({drawn(arrays, left)} {drawn(arrays, right)})"

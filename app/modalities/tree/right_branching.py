"""Plain text → words → a binary tree by rule, for clients without a parser.

The same text always gives the same tree. Words are separated in the way of the treebanks
(`does n't`, `it 's`, punctuation by itself). The text is cut after each full stop, and each
sentence before its final stop, after its commas and other marks, and before `but` and similar
words. The words of a piece are joined from the right, `(not (very good))`, and the pieces in
halves, so that the tree is not much higher than that of its longest piece.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from app.modalities.tree.binary_tree import BinaryTree

_WORD = re.compile(
    r"\w+(?=n't\b)|n't\b|'(?:s|re|ve|ll|d|m)\b|\.\.\.|--"
    r"|\w+(?:[-./,]\w+|'(?!(?:s|re|ve|ll|d|m)\b)\w+)*+|[^\w\s]",
    re.IGNORECASE,
)
_PLAIN = str.maketrans({"’": "'", "‘": "`", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})
_ENDS = frozenset((".", "!", "?", "..."))
_MARKS = frozenset((",", ";", ":", "--", "-", "(", ")", '"'))
_TURNS = frozenset(("but", "although", "though", "while", "because", "and", "or"))
_MAX_PIECE_WORDS = 40  # longer pieces are cut, because they would make a tree very high
_MAX_CHARS = 40_000  # of a text; the rest is not read


def parse(text: str, tree: BinaryTree) -> str | None:
    """Add the words of `text`, which is not blank, to `tree`; return what was left out, if any."""
    text = text.strip()
    words: list[str] = []
    truncated = f"only the first {_MAX_CHARS} characters were read" if text[_MAX_CHARS:] else None
    for match in _WORD.finditer(text[:_MAX_CHARS].translate(_PLAIN)):
        if len(words) == tree.max_leaves:
            truncated = f"only the first {tree.max_leaves} words were read"
            break
        words.append(match[0])
    nodes = [tree.leaf(word) for word in words]
    sentences = _cut(nodes, lambda i: words[i] in _ENDS and words[i + 1] not in _ENDS)
    _halves([_sentence(nodes, tree) for nodes in sentences], tree)
    return truncated


def _sentence(nodes: Sequence[int], tree: BinaryTree) -> int:
    words = tree.words
    stopped = len(nodes) > 1 and words[nodes[-1]] in _ENDS
    body = nodes[:-1] if stopped else nodes
    pieces = [
        _from_the_right(part[start : start + _MAX_PIECE_WORDS], tree)
        for part in _cut(body, lambda i: words[i] in _MARKS or words[i + 1].lower() in _TURNS)
        for start in range(0, len(part), _MAX_PIECE_WORDS)
    ]
    whole = _halves(pieces, tree)
    return tree.join(whole, nodes[-1]) if stopped else whole


def _cut(nodes: Sequence[int], behind: Callable[[int], bool]) -> list[Sequence[int]]:
    """Cut neighbouring leaves after each leaf in `behind` except the last one."""
    cuts = [0, *(node + 1 - nodes[0] for node in nodes[:-1] if behind(node)), len(nodes)]
    return [nodes[start:end] for start, end in pairwise(cuts)]


def _from_the_right(nodes: Sequence[int], tree: BinaryTree) -> int:
    joined = nodes[-1]
    for node in reversed(nodes[:-1]):
        joined = tree.join(node, joined)
    return joined


def _halves(nodes: Sequence[int], tree: BinaryTree) -> int:
    if len(nodes) == 1:
        return nodes[0]
    middle = (len(nodes) + 1) // 2
    return tree.join(_halves(nodes[:middle], tree), _halves(nodes[middle:], tree))

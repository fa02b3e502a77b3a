"""Parsing sentences with binary trees, in the notation of the Stanford Sentiment Treebank.

Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank",
EMNLP 2013: `(3 (2 It) (4 (3 (2 's) (4 good)) (2 .)))`, where every node is a label and then a
word or two nodes. Serving ignores the labels; training learns them.
"""

import re
from dataclasses import dataclass, field

from app.errors import InvalidInput
from app.modalities.tree.binary_tree import BinaryTree

# Only these separate words: some of the treebank's words hold a no-break space.
_TOKEN = re.compile(r"[()]|[^ \t\r\n()]+")
_ESCAPES = {"-LRB-": "(", "-RRB-": ")"}


@dataclass(slots=True)
class _Frame:
    """A bracket that is open."""

    label: str | None = None
    word: str | None = None
    children: list[int] = field(default_factory=list)


def parse(text: str, tree: BinaryTree) -> list[tuple[int, str]]:
    """Add the tree in `text` to `tree`; return every node with its label, the root last.

    Raises `InvalidInput` with the position of a mistake.
    """
    labels: list[tuple[int, str]] = []
    stack = [_Frame(label="")]
    for match in _TOKEN.finditer(text):
        try:
            if len(stack) == 1 and stack[0].children:
                raise InvalidInput("expected nothing after the tree")
            if match[0] == ")":
                labels.append(_close(stack, tree))
            elif match[0] == "(":
                _open(stack, tree)
            else:
                _read(match[0], stack[-1])
        except InvalidInput as error:
            raise InvalidInput(f"{error}, at character {match.start() + 1}") from None
    if len(stack) > 1 or not labels:
        raise InvalidInput(f"the tree is not complete at its end, after character {len(text)}")
    return labels


def _open(stack: list[_Frame], tree: BinaryTree) -> None:
    frame = stack[-1]
    if frame.label is None:
        raise InvalidInput("expected a label after the opening bracket")
    if frame.word is not None or len(frame.children) == 2:
        raise InvalidInput("expected a word or two nodes in a bracket, got one more")
    if len(stack) > tree.max_height + 1:
        raise InvalidInput(f"expected a tree of at most {tree.max_height} levels, got more")
    stack.append(_Frame())


def _read(word: str, frame: _Frame) -> None:
    if frame.label is None:
        frame.label = word
    elif frame.word is None and not frame.children and frame.label:
        frame.word = word
    else:
        raise InvalidInput("expected a bracket, got a word")


def _close(stack: list[_Frame], tree: BinaryTree) -> tuple[int, str]:
    if len(stack) == 1:
        raise InvalidInput("expected no closing bracket without an opening one")
    frame = stack.pop()
    if frame.label is None:
        raise InvalidInput("expected a label and a word or two nodes in a bracket, got nothing")
    if frame.word is not None:
        node = tree.leaf(_ESCAPES.get(frame.word, frame.word.replace("\\/", "/")))
    elif len(frame.children) == 2:
        node = tree.join(*frame.children)
    else:
        raise InvalidInput(f"expected a word or two nodes, got {len(frame.children)} node(s)")
    stack[-1].children.append(node)
    return node, frame.label

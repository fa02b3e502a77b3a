"""Parsing sentences with a tree in brackets.

- The notation of the Stanford Sentiment Treebank (Socher et al., "Recursive Deep Models for
  Semantic Compositionality Over a Sentiment Treebank", EMNLP 2013):
  `(3 (2 It) (4 (3 (2 's) (4 good)) (2 .)))`. Serving ignores the labels; training learns them.
- The same without labels, `( ( It ) ( ( ( 's ) ( good ) ) ( . ) ) )`.
- What constituency parsers write: `(S (NP (PRP It)) (VP (VBZ 's) (ADJP (JJ good))) (. .))`, also
  within one more pair of brackets. Tags are labels that serving ignores, too.

A bracket with a label begins with it, so place alone tells a label from a word; either all brackets
have one or none has. A node with one child is the child. More than two children are joined from the
right, `(a (b (c d)))`, which is how the treebank joins a sentence and its full stop.
"""

import re
from dataclasses import dataclass, field

from app.errors import InvalidInput
from app.modalities.tree.binary_tree import BinaryTree, at_character, incomplete, too_deep

# Only these separate words: some of the treebank's words hold a no-break space.
_TOKEN = re.compile(r"[()]|[^ \t\r\n()]+")
_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}
_TRACE = "-NONE-"  # the tag of a word that is not there
_MIXED = "expected a label in every bracket or in none"


@dataclass(slots=True)
class _Frame:
    """A bracket that is open: its words at the start, and the nodes after them."""

    words: list[str] = field(default_factory=list)
    children: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Reading:
    """What was read. labelled: whether brackets have labels, once that is known."""

    tree: BinaryTree
    stack: list[_Frame] = field(default_factory=lambda: [_Frame()])
    labels: list[tuple[int, str]] = field(default_factory=list)
    labelled: bool | None = None


def parse(text: str, tree: BinaryTree) -> list[tuple[int, str]]:
    """Add the tree in `text` to `tree`; return every node that has a label, the root last.

    A node that stands for several brackets, of which each holds only the next, is named once for
    each, the outermost last. Raises `InvalidInput` with the position of a mistake.
    """
    reading = _Reading(tree)
    stack = reading.stack
    for match in _TOKEN.finditer(text):
        try:
            if len(stack) == 1 and stack[0].children:
                raise InvalidInput("expected nothing after the tree")
            if match[0] == ")":
                _close(reading)
            elif match[0] == "(":
                if len(stack) > 2 * tree.max_height + 2:  # a level may have two brackets
                    within = f": {len(stack)} brackets within each other"
                    raise too_deep(tree.max_height, within)
                stack.append(_Frame())
            else:
                _read(match[0], reading)
        except InvalidInput as error:
            raise at_character(error, match.start() + 1) from None
    if len(stack) > 1 or not stack[0].children:
        raise incomplete(text)
    return reading.labels


def _read(word: str, reading: _Reading) -> None:
    frame = reading.stack[-1]
    if len(reading.stack) == 1 or frame.children or len(frame.words) == 2:
        raise InvalidInput("expected a bracket, got a word")
    if frame.words and frame.words[0] == _TRACE:
        raise InvalidInput("expected words, got a trace (-NONE-); remove such brackets")
    frame.words.append(word)


def _close(reading: _Reading) -> None:
    """Make a node of the innermost bracket."""
    stack, tree = reading.stack, reading.tree
    if len(stack) == 1:
        raise InvalidInput("expected no closing bracket without an opening one")
    frame = stack.pop()
    if not frame.words and not frame.children:
        raise InvalidInput("expected a word or nodes in a bracket, got nothing")
    if len(frame.words) == 2 and frame.children:
        raise InvalidInput("expected a bracket, got a word before it")
    _check_labelled(reading, frame)
    if frame.children:
        node = _joined(frame.children, tree)
    else:
        word = frame.words[-1]
        node = tree.leaf(_ESCAPES.get(word, word.replace("\\/", "/")))
    if reading.labelled and frame.words:
        reading.labels.append((node, frame.words[0]))
    stack[-1].children.append(node)


def _check_labelled(reading: _Reading, frame: _Frame) -> None:
    """Raise `InvalidInput` where a bracket has a label and another one has none."""
    labelled = len(frame.words) == (1 if frame.children else 2)
    around = len(reading.stack) == 1 and not labelled and len(frame.children) == 1
    if reading.labelled is None:
        reading.labelled = labelled
    if labelled != reading.labelled and not around:
        raise InvalidInput(f"{_MIXED}, got both")


def _joined(nodes: list[int], tree: BinaryTree) -> int:
    """Join nodes from the right; the joints between them are no phrases."""
    joined = nodes[-1]
    for place in range(len(nodes) - 2, -1, -1):
        joined = tree.join(nodes[place], joined)
        if place:
            tree.unnamed.add(joined)
    return joined

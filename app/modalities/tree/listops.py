"""ListOps: nested lists of digits under an operator.

Nangia and Bowman, "ListOps: A Diagnostic Dataset for Latent Tree Learning", NAACL SRW 2018.
The parser reads plain lists, `[MAX 2 9 [MIN 4 7 ] 0 ]`, and the authors' notation with binary
parentheses, `( ( ( [MAX 2 ) 9 ) ] )`. Both give the same left-branching tree: an open list is
joined with each argument in turn, and then with its end.
"""

import re
from dataclasses import dataclass

from app.errors import InvalidInput
from app.modalities.tree.binary_tree import BinaryTree, at_character, incomplete, too_deep

OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
CLOSING_BRACKET = "]"
DIGITS = tuple("0123456789")
MIN_ARGUMENTS, MAX_ARGUMENTS = 2, 5  # arguments of an operator
_TOKEN = re.compile(r"\[\w*|\w+|\S")
_OPEN, _VALUE, _END = "an open list", "a value", "the end of a list"


@dataclass(frozen=True, slots=True)
class _Part:
    node: int
    kind: str
    arguments: int = 0


def parse(text: str, tree: BinaryTree) -> None:
    """Add the list in `text` to `tree`; raise `InvalidInput` with the position of a mistake."""
    binary = text.lstrip().startswith("(")
    stack: list[list[_Part]] = [[]]
    position = 0
    for match in _TOKEN.finditer(text):
        word, position = match[0], match.start() + 1
        if len(stack) == 1 and stack[0]:
            raise at_character(InvalidInput("expected nothing after the tree"), position)
        try:
            if binary and word == "(":
                _deeper(stack, tree)
            elif binary and word == ")":
                _close(stack, tree)
            else:
                part = _leaf(word, tree)
                if not binary and part.kind == _OPEN:
                    _deeper(stack, tree)
                stack[-1].append(part)
                if not binary:
                    _reduce(stack, tree)
        except InvalidInput as error:
            raise at_character(error, position) from None
    if len(stack) > 1 or not stack[0] or stack[0][0].kind != _VALUE:
        raise incomplete(text)


def _leaf(word: str, tree: BinaryTree) -> _Part:
    if word in DIGITS:
        return _Part(tree.leaf(word), _VALUE)
    if word in (*OPERATORS, CLOSING_BRACKET):
        part = _Part(tree.leaf(word), _END if word == CLOSING_BRACKET else _OPEN)
        tree.unnamed.add(part.node)
        return part
    if word.startswith("["):
        raise InvalidInput(f"expected one of the operators {', '.join(OPERATORS)}, got another")
    raise InvalidInput("expected an operator, a digit or a bracket, got something else")


def _deeper(stack: list[list[_Part]], tree: BinaryTree) -> None:
    if len(stack) > tree.max_height:
        raise too_deep(tree.max_height)
    stack.append([])


def _close(stack: list[list[_Part]], tree: BinaryTree) -> None:
    """Join the two parts inside a pair of parentheses."""
    if len(stack) == 1:
        raise InvalidInput("expected no closing parenthesis without an opening one")
    parts = stack.pop()
    if len(parts) != 2:
        raise InvalidInput(f"expected two children, got {len(parts)}")
    stack[-1].append(_combine(parts[0], parts[1], tree))


def _reduce(stack: list[list[_Part]], tree: BinaryTree) -> None:
    """Join a value or an end with the innermost open list, and each list that it completes."""
    while len(stack) > 1 and len(stack[-1]) == 2:
        left, right = stack.pop()
        part = _combine(left, right, tree)
        if part.kind == _OPEN:
            stack.append([part])
        else:
            stack[-1].append(part)
    if len(stack) == 1 and stack[0][0].kind == _END:
        raise InvalidInput("expected no end without an open list")


def _combine(left: _Part, right: _Part, tree: BinaryTree) -> _Part:
    if left.kind != _OPEN or right.kind == _OPEN:
        raise InvalidInput(f"expected an open list and a value, got {left.kind} and {right.kind}")
    ends = right.kind == _END
    if (ends and left.arguments < MIN_ARGUMENTS) or (not ends and left.arguments == MAX_ARGUMENTS):
        raise InvalidInput(f"expected {MIN_ARGUMENTS} to {MAX_ARGUMENTS} arguments")
    node = tree.join(left.node, right.node)
    if ends:
        return _Part(node, _VALUE)
    tree.unnamed.add(node)
    return _Part(node, _OPEN, left.arguments + 1)

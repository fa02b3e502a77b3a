"""The code uses the terms of its field, not private words, in names, docstrings and comments."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_structure import visible

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "training", "benchmarks", "tests")
# Private words, each with the term to use instead.
TERMS = {
    "told": "gave, returned, reported; for a result: answer, output",
    "asker": "client, caller",
    "crew": "workers",
    "door": "admission, route, interface",
    "companion": "the other items of a batch",
}
# These are plain words in a sentence, and say nothing as the name of something.
NAMES = {
    "wide": "expanded, padded, all_cores",
    "begin": "start, start_generation",
    "judging_apart": "out-of-distribution detection",
}
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


@cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))


def identifiers(path: Path) -> Iterator[tuple[str, int]]:
    for token in tokens(path):
        if token.type == tokenize.NAME:
            yield token.string, token.start[0]


def sentences(path: Path) -> Iterator[tuple[str, int]]:
    """Give every docstring and comment with its line; other texts may quote data."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or "", getattr(node, "lineno", 1)
    for token in tokens(path):
        if token.type == tokenize.COMMENT:
            yield token.string, token.start[0]


def private_words(path: Path) -> list[str]:
    found: list[str] = []
    text = path.read_text().lower()
    if not any(word in text for word in (*TERMS, *NAMES)):
        return found  # most files; to read their syntax takes seconds
    for name, line in identifiers(path):
        parts = {part.lower() for part in _PART.findall(name)}
        parts |= {part.removesuffix("s") for part in parts} | {name.strip("_").lower()}
        found += [f"{line}: {name}" for word in [*TERMS, *NAMES] if word in parts]
    for text, line in sentences(path):
        pattern = rf"\b({'|'.join(TERMS)})s?\b"
        found += [f"{line}: “{word}”" for word in re.findall(pattern, text, re.IGNORECASE)]
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_code_uses_no_private_word(package: str) -> None:
    paths = list(visible(ROOT / package))
    assert len(paths) > 50
    lines = [f"{path.relative_to(ROOT)}:{word}" for path in paths for word in private_words(path)]
    terms = [f"{word}: {term}" for word, term in (TERMS | NAMES).items()]
    assert not lines, "\n".join(["", *lines, "", *terms])


def test_private_words_are_found_in_names_docstrings_and_comments(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text(
        '"""The crews."""\ntold = wide_sum = 1  # by the asker\nbegin, beginning = 1, 2\n'
    )
    expected = ["2: told", "2: wide_sum", "3: begin", "1: “crew”", "2: “asker”"]
    assert private_words(path) == expected

"""The budgets that CONTRIBUTING.md promises."""

import ast
import statistics
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("app", "training", "benchmarks")
FILES = [
    path
    for folder in FOLDERS
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
SAYS_NOTHING = {"utils", "common", "core", "helpers", "helper", "base", "manager", "misc"}


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_files_are_short() -> None:
    sizes = {path: lines(path) for path in FILES if lines(path)}
    assert max(sizes.values()) <= 300, max(sizes, key=lambda path: sizes[path])
    assert statistics.median(sizes.values()) <= 80


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file(path: Path) -> None:
    assert path.stem not in SAYS_NOTHING
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not path.read_text().strip()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno + 1
            assert length <= 40, f"{node.name} has {length} lines"

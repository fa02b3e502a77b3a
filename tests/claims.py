"""`file::test`, as documents name tests."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@cache
def _tests(path: Path) -> frozenset[str]:
    functions = ast.parse(path.read_text()).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(each.name for each in functions if isinstance(each, kinds))


def is_a_test(claim: str) -> bool:
    """Return whether `tests/…/test_x.py::test_y` names a test of this repository."""
    file, _, name = claim.partition("::")
    path = ROOT / file
    return path.is_file() and name.startswith("test_") and name in _tests(path)

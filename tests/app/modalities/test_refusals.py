"""Every refusal of a file says what to do: each one in the code."""

import ast
import importlib
import re
from pathlib import Path
from types import ModuleType

import pytest

APP = Path(__file__).resolve().parents[3] / "app"
# Mistakes of grammar get their position and the remedy where they are caught, and tests of every
# one of them ask for it; token ids are no file.
ELSEWHERE = {"ptb.py", "listops.py", "token_ids.py"}
FILES = sorted(path for path in APP.glob("modalities/**/*.py") if path.name not in ELSEWHERE)
UNKNOWN = "…"  # what is only known when it is raised
VERBS = "send|save|convert|record|close|use|replace|install|mix|resample|declare|…"
REMEDY = re.compile(rf"at character …|; (?:{VERBS})")


def text_of(node: ast.expr, module: ModuleType) -> str:
    """Return a text as it is written, with the constants of its module."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part, module) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return text_of(node.value, module)
    if isinstance(node, ast.BinOp):
        return text_of(node.left, module) + text_of(node.right, module)
    if isinstance(node, ast.Name) and isinstance(getattr(module, node.id, None), str):
        return str(getattr(module, node.id))
    return UNKNOWN


def refusals() -> list[tuple[str, str]]:
    """Return the place and the text of every refusal."""
    found = []
    for path in FILES:
        name = ".".join(path.relative_to(APP.parent).with_suffix("").parts)
        module = importlib.import_module(name.removesuffix(".__init__"))
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            if named and node.func.id == "InvalidInput":
                found.append((f"{path.name}:{node.lineno}", text_of(node.args[0], module)))
    return found


def test_all_refusals_are_found() -> None:
    assert len(refusals()) > 60


@pytest.mark.parametrize(("place", "text"), refusals())
def test_a_refusal_says_what_to_do(place: str, text: str) -> None:
    assert REMEDY.search(text), f"{place}: {text}"

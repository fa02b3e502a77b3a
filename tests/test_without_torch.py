"""The tests of `make test-app` need no library of training, also where only `make test` runs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import NEEDS_TORCH, TESTS, TRAINING_STACK
from tests.test_structure import visible

WITHOUT_TORCH = [
    path
    for path in visible(TESTS)
    if not any(path.is_relative_to(folder) for folder in NEEDS_TORCH)
]
COLLECT = """
import sys, pytest
status = pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", *sys.argv[1:]])
from tests.conftest import TRAINING_STACK
sys.exit(", ".join(sorted(TRAINING_STACK & sys.modules.keys())) or status)
"""


def imported_by(path: Path) -> set[str]:
    """Return the dotted names that a file imports, also those within functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_test_outside_training_names_a_library_of_training() -> None:
    folders = tuple(f"tests.{folder.name}" for folder in NEEDS_TORCH)
    named = {
        f"{path.relative_to(TESTS)}: {name}"
        for path in WITHOUT_TORCH
        for name in imported_by(path)
        if name.split(".")[0] in TRAINING_STACK or name.startswith(folders)
    }
    assert named == set()


@pytest.mark.slow
def test_collecting_the_tests_outside_training_imports_no_library_of_training() -> None:
    ignored = [f"--ignore={folder}" for folder in NEEDS_TORCH]
    command = [sys.executable, "-c", COLLECT, "tests", *ignored]
    done = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "tests/test_without_torch.py: " in done.stdout

"""docs/reference/cli.md has a section for every command of both programs, and no others."""

import os
import re
import subprocess
import sys

import pytest

from tests.docs.pages import DOCS, ROOT

pytestmark = pytest.mark.slow

PAGE = (DOCS / "reference" / "cli.md").read_text()
# A command's line of `--help`: its name and its aliases, at least two spaces, what it does.
COMMAND = re.compile(r"^(?:[│|] {1,3}| {2,4})([a-z][a-z-]*)(?:, [a-z-]+)*(?: {2,}\S| *$)", re.M)


@pytest.mark.parametrize(
    ("program", "module"), [("thalamus", "app.cli"), ("thalamus-train", "training.cli")]
)
def test_the_page_has_every_command(program: str, module: str) -> None:
    words = [sys.executable, "-m", module, "--help"]
    environment = {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, check=True)
    commands = set(COMMAND.findall(done.stdout.decode()))
    assert set(re.findall(rf"^### `{program} ([a-z-]+)`$", PAGE, re.M)) == commands

"""The commands of docs/how-to/score-many-files.md without a placeholder run as they stand."""

import re
import subprocess
import sys

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "how-to" / "score-many-files.md").read_text()
COMMANDS = [
    line.replace(".venv/bin/thalamus", f"{sys.executable} -m app.cli")
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
    if not re.search(r"HOST|photos", line)
]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_answers(command: str) -> None:
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"label":' in done.stdout


def test_the_page_has_such_commands() -> None:
    assert len(COMMANDS) == 2

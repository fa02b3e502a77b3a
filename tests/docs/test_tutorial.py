"""The commands of docs/tutorial.md run one after the other, the training for one epoch."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT

BLOCKS = re.findall(r"```sh\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.S)
# `make` sets up and serves; what it does is tested elsewhere, as are requests.
COMMANDS = [block for block in BLOCKS if not block.startswith(("make", "curl"))]
PROGRAMS = {
    ".venv/bin/python": sys.executable,
    ".venv/bin/thalamus-train": f"{sys.executable} -m training.cli",
    ".venv/bin/thalamus": f"{sys.executable} -m app.cli",
    "--epochs 10": "--epochs 1",
}


@pytest.mark.training
def test_the_commands_run(tmp_path: Path) -> None:
    for command in COMMANDS:
        for written, meant in PROGRAMS.items():
            command = command.replace(written, meant)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(["bash", "-ec", command], cwd=tmp_path, env=environment, check=True)
    assert not (tmp_path / "models" / "handwriting").exists()

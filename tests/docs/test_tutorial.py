"""The commands and requests of docs/tutorial.md work in turn; the training has one epoch or so."""

import os
import re
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT
from tests.docs.service import send, serving

BLOCKS = re.findall(r"```sh\n(.*?)```", (DOCS / "tutorial.md").read_text(), re.S)
PROGRAMS = {
    ".venv/bin/python": sys.executable,
    ".venv/bin/thalamus-train": f"{sys.executable} -m training.cli",
    ".venv/bin/thalamus": f"{sys.executable} -m app.cli",
    "--minutes 4": "--minutes 0.2 --force",  # so short a training may never give some digit
}


ELSEWHERE = "models/imagenet"  # of which the tutorial sends a photo


@pytest.mark.training
@pytest.mark.long
def test_the_commands_and_the_requests_work(tmp_path: Path) -> None:
    asked = 0
    with ExitStack() as stack:
        for block in BLOCKS:
            if block == "make serve\n":
                port = stack.enter_context(serving(tmp_path / "models"))
            elif block.startswith("curl"):
                response = send(block, port, ROOT if ELSEWHERE in block else tmp_path)
                (prediction,) = response.raise_for_status().json()["predictions"]
                assert len(prediction["top"]) == 2
                assert {"label", "prediction_set", "abstained", "novelty"} <= prediction.keys()
                asked += 1
            elif not block.startswith("make"):  # `make setup`; CI has run it
                run(block, tmp_path)
    assert asked == 2
    assert not (tmp_path / "models" / "handwriting").exists()


def run(command: str, folder: Path) -> None:
    for written, meant in PROGRAMS.items():
        command = command.replace(written, meant)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(["bash", "-ec", command], cwd=folder, env=environment, check=True)

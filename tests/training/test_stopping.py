"""A training that is ended from outside leaves nothing on disk but its checkpoints."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.data.reading.made import pictures, zipped
from training import cli

REPOSITORY = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_unpacked_is_removed(tmp_path: Path, number: int):
    # So many that the fit does not end, for want of progress, before the signal arrives.
    archive = zipped(pictures(tmp_path / "data", "a", "b", each=120), tmp_path / "data.zip")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-m", "training.cli", "train", "--data", str(archive)]
    process = subprocess.Popen(
        [*command, "--epochs", "9999", "--checkpoints", str(tmp_path / "checkpoints")],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY),
            "TMPDIR": str(scratch),
            "PYTHONUNBUFFERED": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    assert list(scratch.glob("thalamus-*"))
    process.send_signal(number)
    rest, _ = process.communicate()
    # Within `fit`, Lightning turns SIGTERM into Ctrl-C.
    assert process.returncode == 130, rest
    assert not list(scratch.glob("thalamus-*"))


def test_sigterm_ends_a_command_as_an_error_does():
    before = signal.getsignal(signal.SIGTERM)

    def ends(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as ended, pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "run_program", ends)
        cli.main([])
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before

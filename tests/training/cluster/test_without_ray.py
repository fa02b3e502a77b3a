"""A training that names no cluster imports no Ray, and one that does says what to install."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fleet.commands import digits_folder
from tests.training.conftest import REPOSITORY
from training.cli import main

_PROGRAM = """
import json, sys
from training.cli import main
status = main(json.loads(sys.argv[1]))
print(status, sorted(name for name in sys.modules if name.split(".")[0] == "ray"))
"""


@pytest.mark.training
def test_a_plain_training_imports_no_ray(tmp_path: Path) -> None:
    data = digits_folder(tmp_path / "digits", 200)
    options = ["--epochs", "1", "--force"]
    folders = ["--models", str(tmp_path / "m"), "--checkpoints", str(tmp_path / "c")]
    arguments = ["train", "--data", str(data), *options, *folders]
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    assert ended.stdout.splitlines()[-1] == "0 []"


def test_without_ray_a_cluster_is_refused_in_one_line(
    tmp_path: Path,
    somewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    data = digits_folder(tmp_path / "digits", 60)
    assert main(["train", "--data", str(data), "--on", "local", "--start", "scratch"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("install it with: pip install 'thalamus[ray]'")
    assert list(somewhere.iterdir()) == []

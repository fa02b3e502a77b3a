"""Ray is an extra: what does not name a cluster imports nothing of it, and works without it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cluster.connection import connect
from app.errors import ClusterError
from tests import media

ROOT = Path(__file__).parents[2]
PROGRAM = """
import json, sys
from app.cli import main
main(json.loads(sys.argv[1]))
print(sorted(name for name in sys.modules if name.split(".")[0] in {"ray", "grpc", "pyarrow"}))
"""


def imported(*arguments: object) -> str:
    """Return which modules of the extra one command has imported."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(arguments, default=str)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    return ended.stdout.splitlines()[-1]


@pytest.mark.slow
def test_no_default_command_imports_ray(published: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_bytes(media.picture())
    answered = ("predict", published / "colours", picture, "--out", tmp_path / "a.jsonl")
    refused = ("serve", "--models", published, "--host", "no such host")
    for arguments in (("--help",), ("predict", "--help"), answered, ("verify", published), refused):
        assert imported(*arguments) == "[]"
    assert (tmp_path / "a.jsonl").stat().st_size


@pytest.mark.slow
def test_the_service_imports_no_ray() -> None:
    program = "import sys, app.factory, app.process.serve; sys.exit('ray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_without_ray_a_cluster_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    for address in ("local", "ray://127.0.0.1:10001"):
        with pytest.raises(ClusterError, match=r"install it with: pip install 'thalamus\[ray\]'"):
            connect(address).__enter__()


@pytest.mark.parametrize(
    "address",
    ["", "foo", "ray://", "http://x:1", "ray://h:99999", "ray://h:x", "ray://[h", "ray://h:1/p"],
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(ClusterError, match="expected local or ray://HOST:PORT"):
        connect(address).__enter__()

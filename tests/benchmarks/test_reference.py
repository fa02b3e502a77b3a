"""A commit to compare with is laid out as it was, and makes its own bundles."""

import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks import reference

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not there")
MODELS = """
from pathlib import Path
BUNDLES = Path(__file__).parent / "somewhere"
def prepare():
    (BUNDLES / "small/1").mkdir(parents=True)
    (BUNDLES / "small/1/model.onnx").write_text("{graph}")
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two commits, whose graphs differ; the newer one's are served here."""
    root = tmp_path / "repository"
    (root / "benchmarks").mkdir(parents=True)
    _git(root, "init", "--quiet")
    for graph in ("old", "new"):
        (root / "benchmarks/models.py").write_text(MODELS.format(graph=graph))
        _git(root, "add", ".")
        _git(root, "commit", "--quiet", "--message", graph)
    here = root / "cache/models/small/1"
    here.mkdir(parents=True)
    (here / "model.onnx").write_text("new")
    monkeypatch.setattr(reference, "ROOT", root)
    monkeypatch.setattr(reference, "CACHE", root / "cache")
    monkeypatch.setattr(reference, "BUNDLES", root / "cache/models")
    return root


def _git(root: Path, *arguments: str) -> None:
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *arguments], cwd=root, check=True)


def test_a_commit_serves_the_bundles_that_its_own_code_makes(repository: Path) -> None:
    with reference.laid_out("before", "HEAD~1") as kind:
        assert kind.name == "before" and kind.folder() != repository
        assert "old" in (kind.folder() / "benchmarks/models.py").read_text()
        assert kind.models == kind.folder() / "benchmarks/somewhere"
        assert list(kind.command(8000))[-2:] == ["--models", str(kind.models)]
        assert not reference.same_graph(kind.models, "small")
    assert not kind.folder().exists()
    with reference.laid_out("before", "HEAD") as kind:
        assert reference.same_graph(kind.models, "small")


def test_unknown_commit_ends_the_benchmark(repository: Path) -> None:
    with pytest.raises(SystemExit, match="'elsewhere' is no commit"):
        reference.resolve("elsewhere")


def test_failing_commit_gives_the_path_of_its_log(repository: Path) -> None:
    (repository / "benchmarks/models.py").write_text("raise RuntimeError('no bundles')")
    _git(repository, "commit", "--quiet", "--all", "--message", "broken")
    with (
        pytest.raises(SystemExit, match=r"cache/reference\.log"),
        reference.laid_out("before", "HEAD"),
    ):
        pass
    assert "no bundles" in (repository / "cache/reference.log").read_text()

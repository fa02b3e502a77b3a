"""A commit to compare with, in a folder of its own, with bundles that its own code makes.

It shares the Python environment with this working tree and nothing else, because its sources may be
in other places and its manifests may have another schema. The commit must have `python -m app.cli
serve --port --models`, and `benchmarks.models` with `prepare` and `BUNDLES`.
"""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.models import BUNDLES, CACHE
from benchmarks.servers import ROOT, Thalamus

PREPARE = "from benchmarks import models; models.prepare(); print(models.BUNDLES)"


@contextmanager
def laid_out(name: str, reference: str) -> Iterator[Thalamus]:
    """Yield a commit's service, called `name`; end the benchmark if there is no such commit."""
    commit = resolve(reference)
    with tempfile.TemporaryDirectory(prefix="thalamus-") as folder:
        tree = Path(folder) / commit[:12]
        _extract(commit, tree)
        yield Thalamus(name, tree, _bundles(tree))


def resolve(reference: str) -> str:
    """Return the commit's full name; raise `SystemExit` if git knows no such commit."""
    command = ["git", "rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{reference!r} is no commit of this repository")
    return found.stdout.strip()


def _extract(commit: str, tree: Path) -> None:
    command = ["git", "archive", "--format=tar", commit]
    with (
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
    ):
        archive.extractall(tree, filter="data")
    if process.returncode:
        raise SystemExit(f"git archive {commit} failed")


def _bundles(tree: Path) -> Path:
    """Make the bundles with the commit's own code; return their folder."""
    log = CACHE / "reference.log"
    made = subprocess.run([sys.executable, "-c", PREPARE], cwd=tree, capture_output=True, text=True)
    log.write_text(made.stdout + made.stderr)
    if made.returncode:
        raise SystemExit(f"the commit's bundles cannot be made, see {log.relative_to(ROOT)}")
    return Path(made.stdout.splitlines()[-1])


def same_graph(models: Path, model: str) -> bool:
    """Return whether a model's graph in `models` equals the one of this working tree."""
    theirs, ours = (folder / model / "1/model.onnx" for folder in (models, BUNDLES))
    return theirs.exists() and theirs.read_bytes() == ours.read_bytes()

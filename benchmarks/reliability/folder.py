"""What lies beside a bundle or inside it, as volumes, desktops and checkouts leave it there."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.reliability.bundles import digit, question, serve_copies
from benchmarks.reliability.client import put
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, Skipped, exactly
from benchmarks.reliability.service import Launch, running, wait_until, without_root_rights
from benchmarks.servers import ROOT

_NOBODY = 65534  # the user to whom the folder belongs
_LATER = "listops"  # published when the service runs
Arrange = Callable[[Path], None]


def _lost_and_found(models: Path) -> None:
    """Make the folder that every ext4 volume has at its root."""
    folder = models / "lost+found"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    folder.chmod(0o700 if os.geteuid() == 0 else 0)
    probe = [sys.executable, "-c", f"import os; os.listdir({str(folder)!r})"]
    tried = subprocess.run(probe, preexec_fn=without_root_rights, capture_output=True)
    if tried.returncode == 0:
        raise Skipped("root's right to read every folder cannot be given up here")


def _unreadable_model(models: Path) -> None:
    """Make a model's folder that a trainer with umask 077 published."""
    _lost_and_found(models)
    (models / "lost+found").rename(models / "private")


def _left_by_a_desktop(models: Path) -> None:
    bundle = models / "digits/1"
    (bundle / ".DS_Store").write_bytes(b"\0Bud1")
    (bundle / "golden/._cases.json").write_bytes(b"\0")
    (bundle / ".ipynb_checkpoints").mkdir()
    (models / ".DS_Store").write_bytes(b"\0Bud1")
    (models / "README.md").write_text("notes\n")


def _projected_volume(models: Path) -> None:
    """Link every file through `..data`, as Kubernetes mounts a projected volume."""
    bundle = models / "digits/1"
    store = bundle / "..2026_01_01"
    names = sorted(path.name for path in bundle.iterdir())
    store.mkdir()
    for name in names:
        (bundle / name).rename(store / name)
    (bundle / "..data").symlink_to(store.name)
    for name in names:
        (bundle / name).symlink_to(f"..data/{name}")


def _linked_golden(models: Path) -> None:
    """Put a folder of the bundle elsewhere, as content stores do."""
    bundle = models / "digits/1"
    shutil.move(bundle / "golden", models / ".store")
    (bundle / "golden").symlink_to("../../.store")


def _linked_version(models: Path) -> None:
    """Make the whole version a link to a folder of another name."""
    shutil.move(models / "digits/1", models / ".store-1a2b")
    (models / "digits/1").symlink_to("../.store-1a2b")


def _beside(arrange: Arrange, scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as name:
        models = serve_copies(Path(name), "digits")
        models.chmod(0o755)
        arrange(models)
        verified = subprocess.run(
            [sys.executable, "-m", "app.cli", "verify", str(models)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            preexec_fn=without_root_rights,
        )
        launch = Launch(models, {"POLL": "0.2", "WORKERS": "1"}, before=without_root_rights)
        with running(launch, ready=False) as service:
            port, asked = service.port, digit()
            served = wait_until(lambda: put(port, asked).status == 200, 8, 0.1) < float("inf")
            yield "served", Figure(int(served), "" if served else put(port, asked).outcome)
            agrees = (verified.returncode == 0) == served
            yield "agree", Figure(int(agrees), f"verify exits with {verified.returncode}")
            serve_copies(models, _LATER)
            later = question(_LATER)
            found = wait_until(lambda: put(port, later).status == 200, 6, 0.1) < float("inf")
            yield "later", Figure(int(found))


def _experiment(name: str, what: str, arrange: Arrange) -> Experiment:
    return Experiment(
        f"folder/{name}",
        (
            Promise("served", f"a good model answers with {what}", exactly(1)),
            Promise("agree", "`thalamus verify` and the service agree", exactly(1)),
            Promise("later", "a bundle published later answers", exactly(1)),
        ),
        partial(_beside, arrange),
    )


EXPERIMENTS = (
    _experiment("lost+found", "an unreadable `lost+found` beside it", _lost_and_found),
    _experiment("unreadable-model", "an unreadable model beside it", _unreadable_model),
    _experiment("desktop", "`.DS_Store` and the like in it", _left_by_a_desktop),
    _experiment("projected", "its files linked through `..data`", _projected_volume),
    _experiment("linked-golden", "`golden` a link", _linked_golden),
    _experiment("linked-version", "its version a link", _linked_version),
)

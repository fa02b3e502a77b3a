"""What the processes of one training say to the command that started them, as files.

The folder lies beside the checkpoints, on storage that all nodes see. It outlives a process that is
killed, so a training that Ray starts again learns what came before, and it goes with the command.

Limits: a file system that shows new files late, as NFS does, shows progress late.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import orjson

from app.disk import replace_file, writing

PREFIX = "ray-"  # of the folder's name
OTHERWISE = "choose another folder with --checkpoints"
_PROGRESS, _PUBLISHED = "progress.txt", "published.json"


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """Where a rank runs. node: Ray's id of it. attempt: how often it was started before."""

    rank: int
    node: str
    process: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """What kept a rank from training, in one line; a new start would meet it again."""

    place: WorkerPlace
    line: str


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one training."""

    path: Path

    def enter(self, rank: int, node: str) -> WorkerPlace:
        """Record that this process is the rank, on this node."""
        before = self.place(rank)
        attempt = 0 if before is None else before.attempt + 1
        place = WorkerPlace(rank, node, os.getpid(), attempt)
        replace_file(self._worker(rank), orjson.dumps(asdict(place)))
        return place

    def place(self, rank: int) -> WorkerPlace | None:
        """Return where a rank was started last; None where it never was."""
        try:
            return WorkerPlace(**orjson.loads(self._worker(rank).read_bytes()))
        except FileNotFoundError:
            return None

    def add_mistake(self, place: WorkerPlace, line: str) -> None:
        """Record a mistake of the rank."""
        content = orjson.dumps(asdict(Mistake(place, line)))
        replace_file(self.path / f"mistake-{place.rank}.json", content)

    def mistakes(self) -> list[Mistake]:
        """Return the mistakes of all ranks, the leader's first."""
        found = [orjson.loads(path.read_bytes()) for path in self.path.glob("mistake-*.json")]
        made = [Mistake(WorkerPlace(**each["place"]), each["line"]) for each in found]
        return sorted(made, key=lambda mistake: mistake.place.rank)

    def add_published(self, folder: Path) -> None:
        """Record the folder of the version that was published."""
        replace_file(self.path / _PUBLISHED, orjson.dumps(str(folder)))

    def published(self) -> Path | None:
        """Return the folder of the version that was published."""
        try:
            return Path(orjson.loads((self.path / _PUBLISHED).read_bytes()))
        except FileNotFoundError:
            return None

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing to start again for."""
        return self.published() is not None or bool(self.mistakes())

    def progress(self) -> IO[str]:
        """Return a file for the lines that the leader prints."""
        return (self.path / _PROGRESS).open("a", encoding="utf-8", buffering=1)

    def said(self, start: int) -> tuple[list[str], int]:
        """Return the whole lines that were printed from this byte on, and the byte after them."""
        try:
            with (self.path / _PROGRESS).open("rb") as file:
                file.seek(start)
                whole, ending, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return [], start
        lines = whole.decode("utf-8", "replace").split("\n") if ending else []
        return lines, start + len(whole) + len(ending)

    def _worker(self, rank: int) -> Path:
        return self.path / f"worker-{rank}.json"


@contextmanager
def run_folder(checkpoints: Path) -> Iterator[RunFolder]:
    """Make a new folder in that of the checkpoints, and remove it at the end of the context.

    Raises `NotWritten`.
    """
    with writing("a checkpoint", checkpoints, OTHERWISE):
        checkpoints.mkdir(parents=True, exist_ok=True)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=checkpoints))
    try:
        yield RunFolder(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # the folder holds other files
            checkpoints.rmdir()

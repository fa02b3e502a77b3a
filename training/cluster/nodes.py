"""Whether every node can take part: the same data, the same folders, the same libraries, room.

A training that starts again may be placed on any node, so all are asked, before anything is
trained. Folders are compared by a file that is put into them: a folder of the same name on a node's
own disk is another folder. Data are compared by names and sizes; the ranks compare their contents
before the first step (`training.fitting.ranks.check_same`).
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.cluster.connection import Cluster, room_for
from app.disk import writing
from training.errors import TrainingError

_LIBRARIES = ("torch", "lightning")  # `app.cluster.versions` compares the others
_FULL = 1 << 16  # bytes that must fit into a folder


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a node must find. folders: by the option that names them; `token` lies in each."""

    data: Path
    listing: str
    folders: Mapping[str, Path]
    token: str
    libraries: Mapping[str, str]


@contextmanager
def checked_nodes(cluster: Cluster, data: Path, folders: Mapping[str, Path]) -> Iterator[None]:
    """Make the folders for the time of the context, if there are none and nothing stays in them.

    data, folders: absolute paths, the latter by the options that name them. Raises `TrainingError`
    with the first node that cannot take part, and `ClusterError`.
    """
    with ExitStack() as marks:
        token = secrets.token_hex(16)
        for option, folder in folders.items():
            marks.enter_context(_marked(option, folder, token))
        expected = Surroundings(data, listing(data), folders, token, libraries())
        for node, objection in cluster.on_each_node(object_to, expected):
            if objection:
                raise TrainingError(f"node {node.name}: {objection}")
        yield


def check_room(cluster: Cluster, workers: int, threads: int) -> None:
    """Raise `TrainingError` where so many processes would wait for processors or GPUs for ever."""
    free = room_for(threads, cluster.nodes)
    if free < workers:
        cpus = sum(node.cpus for node in cluster.nodes)
        raise TrainingError(
            f"--workers {workers} with --threads {threads} do not fit: the cluster has {cpus:g} "
            f"CPUs on {len(cluster.nodes)} nodes, room for {free}"
        )
    gpus = int(sum(node.gpus for node in cluster.nodes))
    if 0 < gpus < workers:
        raise TrainingError(f"{workers} workers need a GPU each; the cluster has {gpus}")


def object_to(expected: Surroundings) -> str:
    """Return in a line what this node lacks, an empty one if nothing; runs on the node."""
    for option, folder in expected.folders.items():
        try:
            found = _mark(folder, expected.token).read_text()
        except OSError as error:
            why = error.strerror or str(error)
            return f"it does not see {option} {folder} as it is here ({why}); {_SHARE}"
        if found != expected.token:
            return f"{option} {folder} is another folder there; {_SHARE}"
        try:
            _write_something(folder)
        except OSError as error:
            return f"it cannot write to {option} {folder}: {error.strerror or error}"
    return _object_to_data(expected) or _object_to_libraries(expected)


_SHARE = "name one on storage that all nodes share"


def _object_to_data(expected: Surroundings) -> str:
    try:
        found = listing(expected.data)
    except OSError as error:
        why = error.strerror or str(error)
        return f"it cannot read --data {expected.data}: {why}; put the data there on every node"
    if found != expected.listing:
        return f"--data {expected.data} has other files there than here"
    return ""


def _object_to_libraries(expected: Surroundings) -> str:
    for name, found in libraries().items():
        if found != expected.libraries[name]:
            return (
                f"expected {name} {expected.libraries[name]} as here, got {found}; install the "
                "same on every node"
            )
    return ""


def listing(data: Path) -> str:
    """Return a digest of the names and sizes of all files; raise `OSError`."""
    if data.is_dir():
        paths = [Path(folder) / name for folder, _, names in _walk(data) for name in names]
    else:
        paths = [data]
    lines = sorted(f"{path.relative_to(data)} {path.stat().st_size}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _walk(data: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    def refuse(error: OSError) -> None:
        raise error

    yield from os.walk(data, onerror=refuse, followlinks=True)


def libraries() -> dict[str, str]:
    """Return the versions that the weights depend on; `none` of what is not installed."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "none"
    return found


@contextmanager
def _marked(option: str, folder: Path, token: str) -> Iterator[None]:
    """Let the folder exist, with a file of this name in it, while the context lasts."""
    is_new = not folder.exists()
    with writing("a file", folder, f"choose another folder with {option}"):
        folder.mkdir(parents=True, exist_ok=True)
        _mark(folder, token).write_text(token)
    try:
        yield
    finally:
        _mark(folder, token).unlink(missing_ok=True)
        if is_new:
            with suppress(OSError):  # something lies in it by now
                folder.rmdir()


def _mark(folder: Path, token: str) -> Path:
    return folder / f".thalamus-{token}"


def _write_something(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_FULL))
        file.flush()
        os.fsync(file.fileno())

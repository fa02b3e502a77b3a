"""`thalamus predict --on`: the same rows from the machines of a cluster.

The names of the inputs, the order of the rows and the file that holds them are those of the
command on one machine. A node reads the inputs and every node opens the files that it answers, so
all of them must see the files, and the bundle, under the paths that were given here; the first
ones are looked for on every node before anything is answered. Standard input is on no other
machine, and is refused.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from app.bundle import Registry
from app.cli.predict.answers import Answered, Answers, Model
from app.cli.predict.inputs import STDIN, Input
from app.cli.predict.output import Totals
from app.cli.predict.rows import Rows
from app.cli.predict.run import Destination, Question, Source, predict_all
from app.cluster.bundle_check import verify_on_each_node
from app.cluster.connection import Cluster, connect
from app.cluster.scoring import Scoring, score
from app.errors import ClusterError, OperatorError
from app.process.resources import use_one_heap
from app.runtime.providers import Device

_SECONDS = 0.5  # of work in a chunk
_MOST, _MOST_BYTES = 4096, 2**22  # inputs in a chunk, and bytes of content in it
_LOOKED_FOR = 64  # inputs that every node must see before anything is answered


@dataclass(frozen=True, slots=True)
class OnCluster:
    """Which cluster answers. workers: processes; None: one for each CPU, or each GPU, of it."""

    address: str
    workers: int | None
    folder: Path
    registry: Registry
    device: Device


def predict_on_cluster(
    where: OnCluster, source: Source, destination: Destination, question: Question
) -> Totals:
    """Write a row for each input; raise `ClusterError` where a node cannot do its part."""
    if STDIN in source.paths:
        what = "- is standard input, which other machines do not have; name a file that they see"
        raise OperatorError(f"--on: {what}")
    with connect(where.address, where.workers) as cluster:
        seconds = verify_on_each_node(cluster, where.folder, where.registry, where.device)
        first = list(islice(source.inputs(destination.path), _LOOKED_FOR))
        _look_for(cluster, [*source.named(), *(each.path for each in first if each.path)])
        chunk = max(1, min(_MOST, int(_SECONDS / max(seconds, 1e-9))))
        elsewhere = partial(_answer, cluster, where, question, chunk)
        return predict_all(source, destination, replace(question, elsewhere=elsewhere))


def _answer(
    cluster: Cluster,
    where: OnCluster,
    question: Question,
    chunk: int,
    rows: Rows,
    inputs: Callable[[], Iterator[Input]],
) -> Answers:
    here = Path.cwd()
    gpus = 0 if where.device == "cpu" else int(sum(node.gpus for node in cluster.nodes))
    cpus = int(sum(node.cpus for node in cluster.nodes))
    scoring = Scoring(
        read=partial(_read, here, inputs, chunk),
        open=partial(_open, here, partial(question.load, rows)),
        workers=where.workers or gpus or max(1, cpus),
        gpus=1.0 if gpus else 0.0,
    )
    with closing(cluster.stream(score, scoring)) as answers:
        yield from answers


def _read(folder: Path, inputs: Callable[[], Iterator[Input]], size: int) -> Iterator[list[Input]]:
    """Yield chunks of inputs, on the node that reads. folder: that of the command."""
    os.chdir(folder)
    chunk: list[Input] = []
    content = 0
    for each in inputs():
        chunk.append(each)
        content += len(each.data or b"")
        if len(chunk) == size or content > _MOST_BYTES:
            yield chunk
            chunk, content = [], 0
    if chunk:
        yield chunk


def _open(folder: Path, load: Callable[[], Model]) -> Callable[[Sequence[Input]], Answered]:
    """Open the model in a process of a node."""
    os.chdir(folder)
    use_one_heap()
    return load().answer


def _look_for(cluster: Cluster, paths: Sequence[str]) -> None:
    """Raise `ClusterError` for a node that does not see a path as this machine does."""
    sizes = {path: _size(path) for path in paths}
    for node, missing in cluster.on_each_node(_first_unseen, Path.cwd(), sizes):
        if missing is not None:
            raise ClusterError(
                f"node {node.name}: {missing} is not there as it is here; put it on storage that "
                "all nodes see, under the same path"
            )


def _first_unseen(folder: Path, sizes: dict[str, int | None]) -> str | None:
    """Return the first path that this machine sees in another way; None if there is none."""
    if not folder.is_dir():
        return str(folder)
    os.chdir(folder)
    return next((path for path, size in sizes.items() if _size(path) != size), None)


def _size(path: str) -> int | None:
    """Return the bytes of a file, -1 for what is no file, None for what is not there."""
    try:
        return Path(path).stat().st_size if not Path(path).is_dir() else -1
    except OSError:
        return None

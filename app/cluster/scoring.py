"""Chunks of inputs → their answers in order, by Ray Data: read on one node, answered on all.

One task reads and divides the inputs, lazily, so that no node holds all of them. A pool of actors
answers, each with the model for itself. Ray Data moves the chunks, holds the reader back while
answers wait, and gives the chunk of a process that dies to another one. It keeps the order.

What is read and what answers is the caller's: functions that are sent to the nodes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.cluster.ray_library import load_ray

ReadChunks = Callable[[], Iterator[Any]]  # yields chunks
OpenAnswerer = Callable[[], Callable[[Any], Any]]  # opens what answers a chunk
CHUNK, ANSWER = "chunk", "answer"  # columns
_AHEAD = 2  # chunks at an actor: one is answered, one waits
_TRIES = 3  # of a chunk whose process dies each time, perhaps because of it


@dataclass(frozen=True, slots=True)
class Scoring:
    """What is scored, and by how many. workers: actors, each with one CPU and so many GPUs."""

    read: ReadChunks
    open: OpenAnswerer
    workers: int
    gpus: float = 0.0


class Answerer:
    """An actor of the pool: opens the model once, and answers chunks."""

    def __init__(self, open: OpenAnswerer) -> None:
        self._answer = open()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Answer one chunk."""
        return {ANSWER: self._answer(row[CHUNK])}


def score(scoring: Scoring) -> Iterator[Any]:
    """Yield the answer to each chunk, in order; it must run inside of the cluster."""
    load_ray()
    import ray.data

    from app.cluster.chunks import Chunks

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.target_max_block_size = 1  # byte: each chunk is a block, and moves once it is read
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.log_internal_stack_trace_to_stdout = False
    pool = ray.data.ActorPoolStrategy(size=scoring.workers, max_tasks_in_flight_per_actor=_AHEAD)
    answers = ray.data.read_datasource(
        Chunks(scoring.read, CHUNK), override_num_blocks=1, num_cpus=0
    ).map(
        Answerer,
        fn_constructor_args=(scoring.open,),
        compute=pool,
        num_cpus=1,
        num_gpus=scoring.gpus or None,
        max_restarts=_TRIES,
        max_task_retries=_TRIES,
    )
    for row in answers.iter_rows():
        yield row[ANSWER]

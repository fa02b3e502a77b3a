"""Work on a stream of batches in one process per core: in order, and with bounded memory.

The processes come from a server that has no threads; a fork of this process, which has some, may
hang. Each gets the work once, and then batches.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from training.errors import TrainingError

Given = TypeVar("Given")
Result = TypeVar("Result")

_AHEAD = 2  # batches of each process that are in work, or wait to be taken
_work: Callable[[Any], Any] | None = None  # of this process, if `each_batch` started it


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_batch(
    work: Callable[[Given], Result], batches: Iterable[Given], *, processes: int
) -> Iterator[Result]:
    """Yield the result of each batch, in their order; with one process, this one does the work.

    work: a function of a module, or a method of an object that can be pickled. Raises
    `TrainingError` where a process is ended from outside.
    """
    if processes == 1:
        yield from map(work, batches)
        return
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(work,))
    running = deque["Future[Any]"]()
    try:
        for batch in batches:
            running.append(pool.submit(_do, batch))
            if len(running) >= _AHEAD * processes:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    except BrokenProcessPool:
        raise TrainingError(
            "a process that read samples has ended, perhaps for want of memory; start again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start(work: Callable[[Any], Any]) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that started this one
    _work = work


def _do(batch: Any) -> Any:
    assert _work is not None
    return _work(batch)

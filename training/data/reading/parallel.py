"""Work on a stream of batches in one process per core, in order, with bounded memory.

The processes are spawned: a fork of a process that has threads may hang.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from training.errors import TrainingError

Given = TypeVar("Given")
Result = TypeVar("Result")

_WAITING = 3  # batches for each process


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_batch(
    work: Callable[[Given], Result], batches: Iterable[Given], *, many: bool
) -> Iterator[Result]:
    """Yield the result of each batch, in their order.

    work: a function of a module. many: whether there is enough work to start processes for it.
    """
    if not many or cores() == 1:
        yield from map(work, batches)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores(), mp_context=context) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(work, batch))
                if len(waiting) > _WAITING * cores():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise TrainingError(
                "a process that read samples was ended from outside, perhaps for its memory"
            ) from None
        finally:
            for future in waiting:
                future.cancel()

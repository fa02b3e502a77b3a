"""Chunks of inputs → their rows, in order: here, in one process per core, or in threads.

At most `_AHEAD` chunks for each process or thread are in work or wait for an earlier one, so memory
is bounded. A chunk has as many inputs as take about `_SECONDS`, which is learned: one of few would
spend the time on its way to another process, one of many would keep the others waiting at the end.

Processes are forked before this one has threads of its own, as the service's workers are; each
opens the bundle for itself. They end with this process, however it ends.
"""

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice

from app.cli.predict.answers import Answered, Answers, Model
from app.cli.predict.inputs import Input
from app.errors import OperatorError
from app.process.prctl import signal_at_end_of_parent
from app.process.resources import use_one_heap

_SECONDS = 0.25
_FIRST, _MOST, _MOST_BYTES = 4, 256, 2**20  # inputs in a chunk, and bytes of content in it
_AHEAD = 3
Load = Callable[[], Model]
_load: Load | None = None  # of this process, if it was forked to answer
_model: Model | None = None


def answer_here(load: Load, inputs: Iterable[Input]) -> Answers:
    """Answer chunks one after the other. load: opens the model, for the first of them."""
    chunks, model = _Chunks(inputs), None
    while chunk := chunks.next():
        model = model or load()
        answered = model.answer(chunk)
        chunks.learn(answered)
        yield answered


def answer_in_processes(load: Load, inputs: Iterable[Input], processes: int) -> Answers:
    """Answer chunks in processes. load: opens the model in each of them.

    Raises `OperatorError` where a process is ended from outside.
    """
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(load,))
    try:
        yield from _in_order(pool, _answer, inputs, processes)
    except BrokenProcessPool:
        raise OperatorError(
            "a process that answered has ended, perhaps for lack of memory; "
            "try fewer with --workers, and go on with --resume"
        ) from None


def answer_in_threads(model: Model, inputs: Iterable[Input], threads: int) -> Answers:
    """Answer chunks in threads."""
    yield from _in_order(ThreadPoolExecutor(threads, "ask"), model.answer, inputs, threads)


def _in_order(
    pool: Executor,
    answer: Callable[[Sequence[Input]], Answered],
    inputs: Iterable[Input],
    width: int,
) -> Answers:
    chunks, running = _Chunks(inputs), deque["Future[Answered]"]()
    try:
        while True:
            while len(running) < _AHEAD * width and (chunk := chunks.next()):
                running.append(pool.submit(answer, chunk))
            if not running:
                return
            answered = running.popleft().result()
            chunks.learn(answered)
            yield answered
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Chunks:
    """Divides inputs into chunks; their size follows what inputs take."""

    def __init__(self, inputs: Iterable[Input]) -> None:
        self._inputs, self._size = iter(inputs), _FIRST

    def next(self) -> list[Input]:
        """Return the next chunk; an empty one at the end."""
        chunk: list[Input] = []
        size = 0
        for each in islice(self._inputs, self._size):
            chunk.append(each)
            size += len(each.data or b"")
            if size > _MOST_BYTES:
                break
        return chunk

    def learn(self, answered: Answered) -> None:
        """Learn what the inputs of a chunk took; grow by steps, as the first ones are slow."""
        fitting = int(_SECONDS * answered.inputs / max(answered.seconds, 1e-6))
        self._size = max(1, min(_MOST, 2 * self._size, fitting))


def _start(load: Load) -> None:
    global _load
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that started this one
    signal_at_end_of_parent(signal.SIGKILL)
    use_one_heap()
    _load = load


def _answer(chunk: Sequence[Input]) -> Answered:
    global _model
    if _model is None:
        assert _load is not None
        _model = _load()
    return _model.answer(chunk)

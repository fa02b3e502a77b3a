"""Encodes samples in parts, by one process or by as many as there are processors.

The result is a function of the samples and the encoder alone: parts come in the order of the
samples, whichever process made them. Processes are used where the work would take seconds. Each
reads its samples by itself, unless they are in this process's memory. The encoder and the store of
the samples can be pickled. Payloads are not kept.
"""

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.bundle.tensors import Arrays, TensorSpec
from app.errors import InvalidInput
from app.modalities import Encoder, Payload
from training.data.dataset import MemoryStore, Sample, SampleStore, SampleTable
from training.data.encoded_writer import Part, pack
from training.errors import TrainingError

WORTHWHILE = 3.0  # seconds of work of one process; starting others takes about one
_AHEAD = 2  # parts of each process that are in work or wait to be taken
_PART = 8 << 20  # bytes of a part, about
_FEWEST, _MOST = 8, 256  # samples of a part
_Place = int | Payload  # a row of the store, or what is in memory


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """Some samples in a row.

    kept: the places of those that could be read, among these samples. unreadable: the place and the
    reason of each other one. tensors: of those kept, none where there are none.
    """

    kept: tuple[int, ...]
    unreadable: tuple[tuple[int, str], ...]
    tensors: dict[str, Part]


def encode_parts(
    encoder: Encoder,
    samples: Sequence[Sample],
    specs: tuple[TensorSpec, ...],
    *,
    worthwhile: float = WORTHWHILE,
    processes: int | None = None,
) -> Iterator[tuple[int, EncodedPart]]:
    """Yield the place of the first sample of each part, and the part.

    worthwhile: how many seconds of work are worth further processes. processes: how many there are
    then; by default, one for each processor that this one may use.
    """
    size, count = part_size(specs), len(samples)
    starts = deque(range(0, count, size))
    work = _Work(encoder, _store(samples), specs)
    processes = processes or len(os.sched_getaffinity(0))
    spent, done = 0.0, 0
    while starts:
        if processes > 1 and done and spent / done * (count - done) > worthwhile:
            break
        began, start = time.perf_counter(), starts.popleft()
        places = _places(samples, start, size)
        part = work.encode(places)
        spent, done = spent + time.perf_counter() - began, done + len(places)
        yield start, part
    if starts:
        yield from _in_processes(work, starts, lambda s: _places(samples, s, size), processes)


def part_size(specs: Sequence[TensorSpec]) -> int:
    """Return the number of samples in a part, so that a part has some megabytes."""
    shapes = [
        spec.shape[1:] for spec in specs if not any(isinstance(a, str) for a in spec.shape[1:])
    ]
    each = sum(8 * int(np.prod([int(size) for size in shape])) for shape in shapes)
    return int(np.clip(_PART // max(each, 1), _FEWEST, _MOST))


@dataclass(frozen=True, slots=True)
class _Work:
    """What a process needs to encode samples; store: None where payloads are sent."""

    encoder: Encoder
    store: SampleStore | None
    specs: tuple[TensorSpec, ...]

    def encode(self, places: Sequence[_Place]) -> EncodedPart:
        items, kept, unreadable = list[Arrays](), [], []
        for number, place in enumerate(places):
            try:
                items.append(self.encoder.encode(self._payload(place)).arrays)
            except InvalidInput as error:
                unreadable.append((number, str(error)))
                continue
            kept.append(number)
        tensors = pack(items, self.specs) if items else {}
        return EncodedPart(tuple(kept), tuple(unreadable), tensors)

    def _payload(self, place: _Place) -> Payload:
        if isinstance(place, Payload):
            return place
        assert self.store is not None
        return self.store.payload(place)


def _store(samples: Sequence[Sample]) -> SampleStore | None:
    """Return the store from which processes read; None for samples in this process's memory."""
    if isinstance(samples, SampleTable) and not isinstance(samples.store, MemoryStore):
        return samples.store
    return None


def _places(samples: Sequence[Sample], start: int, size: int) -> list[_Place]:
    if _store(samples) is not None:
        assert isinstance(samples, SampleTable)
        return [int(row) for row in samples.rows[start : start + size]]
    some = range(start, min(start + size, len(samples)))
    return [samples[place].payload for place in some]


def _in_processes(
    work: _Work, starts: deque[int], places: Callable[[int], list[_Place]], processes: int
) -> Iterator[tuple[int, EncodedPart]]:
    """Encode the parts with these starts; a fixed number of parts is in work at a time."""
    pool = ProcessPoolExecutor(
        processes,
        mp_context=multiprocessing.get_context("forkserver"),
        initializer=_begin,
        initargs=(work,),
    )
    running = deque[tuple[int, "Future[EncodedPart]"]]()
    try:
        while starts or running:
            while starts and len(running) < _AHEAD * processes:
                start = starts.popleft()
                running.append((start, pool.submit(_encode, places(start))))
            start, future = running.popleft()
            yield start, future.result()
    except BrokenProcessPool:
        raise TrainingError(
            "a process that encodes samples has ended, perhaps for want of memory; start again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_work: Any = None  # of this process, where it was started by `_in_processes`


def _begin(work: _Work) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the process that started this one
    _work = work


def _encode(places: list[_Place]) -> EncodedPart:
    found: EncodedPart = _work.encode(places)
    return found

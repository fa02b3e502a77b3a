"""Encodes samples in parts, by one process or by as many as there are processors.

The result is a function of the samples and the encoder alone: parts come in the order of the
samples, whichever process made them. Processes are used where the work would take seconds. Each
reads its samples by itself, unless they are in this process's memory. The encoder and the store of
the samples can be pickled. Payloads are not kept.
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle.tensors import Arrays, TensorSpec
from app.errors import InvalidInput
from app.modalities import Encoder, Payload
from training.data.dataset import MemoryStore, Sample, SampleStore, SampleTable
from training.data.encoded_writer import Part, pack_items
from training.data.processes import cores, each_batch

WORTHWHILE_SECONDS = 3.0  # seconds of work of one process; starting others takes about one
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
    worthwhile: float = WORTHWHILE_SECONDS,
    processes: int | None = None,
) -> Iterator[tuple[int, EncodedPart]]:
    """Yield the place of the first sample of each part, and the part.

    worthwhile: how many seconds of work are worth further processes. processes: how many there are
    then; by default, one for each processor that this one may use.
    """
    size, count = part_size(specs), len(samples)
    starts = deque(range(0, count, size))
    work = _Work(encoder, _store(samples), specs)
    processes = processes or cores()
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
        rest = (_places(samples, start, size) for start in starts)
        yield from zip(starts, each_batch(work.encode, rest, processes=processes), strict=True)


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
        tensors = pack_items(items, self.specs) if items else {}
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

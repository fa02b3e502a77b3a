"""Encoded examples → the batches of an epoch, or one rank's share of each batch.

The order is a function of (seed, epoch) alone. Batches of samples that are in files are read ahead
in a thread, so that the training does not wait for the disk.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from queue import Empty, Queue
from threading import Event, Thread
from typing import TypeVar

import torch
from torch import Tensor

from training.data.encode import Examples, epoch_order
from training.data.encoded import in_files
from training.errors import BadData
from training.fitting import ranks

_AT_ONCE = 256  # examples in a validation batch
_AHEAD = 4  # batches that are read before they are asked for
_Key = TypeVar("_Key")
_Batch = TypeVar("_Batch")


class Batches:
    """An iterable over one epoch; without a seed, in the order of the examples.

    Each batch is divided among the ranks, so that several ranks take the same steps as one. A last
    batch that leaves a rank a single example is dropped, because one example has no batch
    statistics. Raises `BadData` when there are fewer examples than ranks.
    """

    def __init__(self, examples: Examples, batch: int, seed: int | None) -> None:
        self._examples, self._batch, self._seed, self._epoch = examples, batch, seed, 0
        self._lengths, self._in_files = examples.lengths(), in_files(examples.items)
        smallest = min(len(indices) for indices in self._order())
        if smallest < ranks.current().count:
            raise BadData(f"{len(examples)} samples are too few for {ranks.current().count} ranks")

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._order())

    def __iter__(self) -> Iterator[tuple[list[Tensor], Tensor]]:
        first, step = ranks.rank(), ranks.current().count
        # A generator, because Lightning begins to iterate before it says which epoch it is.
        shares = [indices[first::step] for indices in self._order()]
        yield from read_ahead(self._take, shares) if self._in_files else map(self._take, shares)

    def _take(self, indices: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        take = self._examples.batch if self._seed is None else self._examples.training_batch
        inputs, targets = take(indices)
        return [torch.from_numpy(array) for array in inputs], torch.from_numpy(targets)

    def _order(self) -> list[list[int]]:
        count, step = len(self._examples), ranks.current().count
        if self._seed is None:
            chunks = [list(range(i, min(i + _AT_ONCE, count))) for i in range(0, count, _AT_ONCE)]
            if len(chunks) > 1 and len(chunks[-1]) < step:
                chunks[-2:] = [chunks[-2] + chunks[-1]]
            return chunks
        order = epoch_order(self._lengths, self._batch, self._seed + 1000 * self._epoch)
        large = [indices for indices in order if len(indices) >= 2 * step]
        return order if step == 1 else large or order


def read_ahead(
    take: Callable[[_Key], _Batch], keys: Sequence[_Key]
) -> Generator[_Batch, None, None]:
    """Yield what `take` returns for each key, in turn; a thread is up to `_AHEAD` batches ahead.

    An error of `take` is raised in the place of its batch. The thread ends with the iterator.
    """
    found, ended = Queue[tuple[_Batch | None, BaseException | None]](_AHEAD), Event()

    def work() -> None:
        for key in keys:
            if ended.is_set():
                return
            try:
                found.put((take(key), None))
            except BaseException as error:
                found.put((None, error))
                return

    thread = Thread(target=work, name="batches", daemon=True)
    thread.start()
    try:
        for _ in keys:
            batch, error = found.get()
            if error is not None:
                raise error
            assert batch is not None
            yield batch
    finally:
        ended.set()
        while thread.is_alive():  # it may wait for a place
            with suppress(Empty):
                found.get(timeout=0.01)

"""Encoded examples → the batches of an epoch, or one rank's share of each batch.

The order is a function of (seed, epoch) alone.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from training.data.encode import Examples, epoch_order
from training.errors import BadData
from training.fitting import ranks

_AT_ONCE = 256  # examples in a validation batch


class Batches:
    """An iterable over one epoch; without a seed, in the order of the examples.

    Each batch is divided among the ranks, so that several ranks take the same steps as one. A last
    batch that leaves a rank a single example is dropped, because one example has no batch
    statistics. Raises `BadData` when there are fewer examples than ranks.
    """

    def __init__(self, examples: Examples, batch: int, seed: int | None) -> None:
        self._examples, self._batch, self._seed, self._epoch = examples, batch, seed, 0
        self._lengths = examples.lengths()
        smallest = min(len(indices) for indices in self._order())
        if smallest < ranks.current().count:
            raise BadData(f"{len(examples)} samples are too few for {ranks.current().count} ranks")

    def set_epoch(self, epoch: int) -> None:
        """Choose the order of this epoch, from 0."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._order())

    def __iter__(self) -> Iterator[tuple[list[Tensor], Tensor]]:
        take = self._examples.batch if self._seed is None else self._examples.training_batch
        first, step = ranks.rank(), ranks.current().count
        for indices in self._order():
            inputs, targets = take(indices[first::step])
            yield [torch.from_numpy(array) for array in inputs], torch.from_numpy(targets)

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

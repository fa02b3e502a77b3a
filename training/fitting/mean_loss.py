"""The mean loss of an epoch's samples, over all ranks.

It is that of Lightning's `log(…, on_epoch=True)` to the last bit, which takes half a millisecond of
every step.
"""

import torch
from torch import Tensor

from training.fitting import ranks


class MeanLoss:
    """A mean, to which the losses of batches are added."""

    def __init__(self) -> None:
        self._sum: Tensor | None = None
        self._samples = 0.0

    def add(self, loss: Tensor, samples: int) -> None:
        """Add the mean loss, a float32 scalar, of a batch of so many samples."""
        part = loss.detach() * float(samples)
        self._sum = part if self._sum is None else self._sum + part
        self._samples += float(samples)

    def value(self) -> float:
        """Return the mean; NaN without a sample. All ranks must ask for it."""
        if self._sum is None:
            return float("nan")
        both = torch.stack([self._sum, torch.tensor(self._samples, device=self._sum.device)])
        if ranks.current().count > 1:
            torch.distributed.all_reduce(both)
        return float(both[0] / both[1])

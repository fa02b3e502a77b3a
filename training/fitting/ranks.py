"""Distributed training: several processes, the ranks, train one network.

Each rank runs the whole command. `fit` divides each batch, and the validation split, among the
ranks. Only the leader, rank 0, prints, keeps checkpoints and publishes. With `--ranks N` Lightning
starts the other processes on this machine; `torchrun` starts one process for each rank, on one
machine or several.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from training.errors import OtherRankStopped, TrainingError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    """The number of processes that train, and how many of them run on this machine."""

    count: int = 1
    here: int = 1

    @property
    def machines(self) -> int:
        """The number of machines."""
        return self.count // self.here


_ALONE = Ranks()
_ranks: ContextVar[Ranks] = ContextVar("ranks", default=_ALONE)


def current() -> Ranks:
    """Return the ranks by which `fit` trains now."""
    return _ranks.get()


def rank() -> int:
    """Return the rank of this process, from 0."""
    if current().count == 1:
        return 0
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)


def leads() -> bool:
    """Return whether this process is the leader, which prints and publishes."""
    return rank() == 0


@contextmanager
def joined(asked: int | None) -> Iterator[None]:
    """Train by several ranks while the context lasts; all but the leader print nothing.

    asked: the value of `--ranks`. Under `torchrun`, which sets the number itself, it may be None.
    Raises `TrainingError` where the two numbers differ, or where a rank would have no GPU.
    """
    token = _ranks.set(_found(asked))
    try:
        if leads():
            yield
            return
        with (
            Path(os.devnull).open("w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
        ):
            yield
    finally:
        _ranks.reset(token)
        _leave()


def check_equal(weights: "Mapping[str, Tensor]") -> None:
    """Raise `TrainingError` unless all ranks hold the same weights, buffers included."""
    if current().count == 1:
        return
    parts = (
        f"{name} {tensor.shape}".encode() + tensor.cpu().numpy().tobytes()
        for name, tensor in weights.items()
    )
    if len(set(_gathered(hashlib.sha256(b"".join(parts)).hexdigest()))) > 1:
        raise TrainingError("the ranks hold different weights; nothing is published")


def check_same(training: str) -> None:
    """Raise `TrainingError` unless all ranks have the same digest of what they learn from."""
    if others := _unlike_leader(training):
        raise TrainingError(
            f"rank {others} has other samples, settings, code or libraries than rank 0; "
            "nothing is published"
        )


def check_same_epoch(epoch: int | None) -> None:
    """Raise `OtherRankStopped` unless all ranks resume after the same epoch, or none does.

    A file system that machines share may show one of them what it was a few seconds ago.
    """
    if others := _unlike_leader(str(epoch)):
        raise OtherRankStopped(f"rank {others} sees another checkpoint than rank 0; start again")


def _unlike_leader(text: str) -> str:
    """Return the ranks, with commas, whose text is not the leader's.

    None before they can speak with each other, which under torchrun is in the first training.
    """
    import torch

    if current().count == 1 or not torch.distributed.is_initialized():
        return ""
    first, *others = _gathered(text)
    return ", ".join(str(rank) for rank, found in enumerate(others, 1) if found != first)


def _gathered(text: str) -> list[str]:
    """Return the text of each rank, in order."""
    import torch

    texts = [""] * current().count
    torch.distributed.all_gather_object(texts, text)
    return texts


def _found(asked: int | None) -> Ranks:
    import torch

    found = Ranks(asked or 1, asked or 1)
    if "TORCHELASTIC_RUN_ID" in os.environ:  # torchrun
        found = Ranks(int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"]))
        if asked not in (None, found.count):
            raise TrainingError(f"torchrun started {found.count} ranks, --ranks says {asked}")
    if torch.cuda.is_available() and torch.cuda.device_count() < found.here:
        raise TrainingError(
            f"{found.here} ranks need a GPU each; here are {torch.cuda.device_count()}"
        )
    if found.count > 1:  # else Lightning sets it, and the weights depend on it
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    return found


def _leave() -> None:
    """Close the process group, if Lightning has opened one."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()

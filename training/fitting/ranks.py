"""Several processes that train one network: `--ranks N`, or one started by `torchrun` each.

Every rank runs the whole command, and `fit` joins them: a batch is divided among them, and so
is the validation split. Only the leader prints, keeps checkpoints and publishes. With `--ranks`
Lightning starts the other processes itself, on this machine; `torchrun` starts them on several.
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

from training.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranks:
    """How many processes train, and how many of them on this machine."""

    count: int = 1
    here: int = 1

    @property
    def machines(self) -> int:
        """On how many machines they run."""
        return self.count // self.here


_ALONE = Ranks()
_ranks: ContextVar[Ranks] = ContextVar("ranks", default=_ALONE)


def current() -> Ranks:
    """Return by how many `fit` trains now."""
    return _ranks.get()


def rank() -> int:
    """Return which of them this process is, from 0."""
    if current().count == 1:
        return 0
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0)


def leads() -> bool:
    """Say whether this is the process that prints and publishes."""
    return rank() == 0


@contextmanager
def joined(asked: int | None) -> Iterator[None]:
    """Have everything that is trained within trained by so many; the others are silent.

    asked: what `--ranks` says; under `torchrun`, which says it itself, it may be left out.
    Raises `TrainingError` where they cannot be.
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
    """Raise `TrainingError` unless every rank holds these very weights, buffers included."""
    import torch

    if current().count == 1:
        return
    parts = (
        f"{name} {tensor.shape}".encode() + tensor.cpu().numpy().tobytes()
        for name, tensor in weights.items()
    )
    digest = hashlib.sha256(b"".join(parts)).hexdigest()
    digests = [""] * current().count
    torch.distributed.all_gather_object(digests, digest)
    if len(set(digests)) > 1:
        raise TrainingError("the ranks hold different weights; nothing is published")


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
    if found.count > 1:  # Lightning would choose for itself, and weights depend on it
        os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    return found


def _leave() -> None:
    """Close the connections, if Lightning has opened some."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()

"""One worker of Ray Train: the environment that torchrun gives a rank, and the same command in it.

Each worker counts as a machine with one process, so that Ray may place them unevenly, and elsewhere
after one was lost: the checkpoint is that of so many ranks, wherever they run. A mistake that a new
start would meet again is recorded, and the new start does nothing.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from app.errors import ThalamusError
from training.cluster.run_folder import RunFolder
from training.errors import OtherRankStopped
from training.progress import shown

# Trains, in every rank, and publishes in the leader, which returns the version's folder. It gets
# the number of starts of the leader before this one.
RankTask = Callable[[int], Path | None]


@dataclass(frozen=True, slots=True)
class RankPlace:
    """Which of so many ranks this process is, and on which node."""

    rank: int
    count: int
    node: str


def work(task: RankTask, folder: RunFolder, here: RankPlace) -> None:
    """Run the task as a rank; raise what keeps it from training, which ends all ranks."""
    if folder.has_ended:
        return
    place = folder.enter(here.rank, here.node)
    _set_as_torchrun(here)
    with ExitStack() as around:
        if here.rank == 0:
            around.enter_context(_speaking(folder))
        try:
            published = task(_of_leader(place.attempt))
        except OtherRankStopped:
            raise
        except ThalamusError as error:
            folder.add_mistake(place, str(error))
            raise
        except OSError as error:
            if error.filename is not None:  # else it is the connection to another process
                folder.add_mistake(place, f"{error.filename}: {error.strerror}")
            raise
        if published is not None:
            folder.add_published(published)


def _set_as_torchrun(here: RankPlace) -> None:
    """Set what torchrun sets; `MASTER_ADDR` and `MASTER_PORT` are Ray Train's."""
    if here.count > 1:
        rank = str(here.rank)
        os.environ |= {"RANK": rank, "GROUP_RANK": rank, "WORLD_SIZE": str(here.count)}
        os.environ |= {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "TORCHELASTIC_RUN_ID": "ray"}


def _of_leader(attempt: int) -> int:
    """Return the leader's number in every rank: another one may have ended before that began."""
    import torch

    values = [attempt]
    if torch.distributed.is_initialized():
        torch.distributed.broadcast_object_list(values, src=0)
    return values[0]


@contextmanager
def _speaking(folder: RunFolder) -> Iterator[None]:
    """Let what is printed within be progress of the training."""
    with folder.progress() as file, redirect_stdout(file), redirect_stderr(file), shown():
        yield

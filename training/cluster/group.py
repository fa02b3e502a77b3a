"""The ranks of one training as a worker group of Ray Train.

Ray starts a process for each rank, and after one was lost all of them again: they resume from the
last checkpoint. The command's lines of progress are those that the leader prints.
"""

import math
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import wait
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cluster.failures import failure_on_cluster
from app.cluster.in_thread import start_in_thread
from training.cluster.run_folder import RunFolder
from training.cluster.worker import RankPlace, RankTask, work
from training.errors import TrainingError

if TYPE_CHECKING:
    from app.cluster.connection import Cluster

_LOOK = 0.5  # seconds between two looks at what the leader has printed
_GRACE = 2.0  # seconds for the other ranks to end, after a mistake of one
_PATIENCE = 60.0  # seconds for the workers to begin, before a line says what is waited for
_SETTINGS = {
    "RAY_TRAIN_ENABLE_PRINT_PATCH": "0",  # the leader's lines are ours, without those of Ray's log
    "RAY_TRAIN_ENABLE_WORKER_STRUCTURED_LOGGING": "0",
    "TRAIN_ENABLE_SHARE_CUDA_VISIBLE_DEVICES": "0",  # each worker has one GPU, its first
    "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "600",  # of a busy machine; a minute by default
}


@dataclass(frozen=True, slots=True)
class Group:
    """The workers of a training. threads: CPUs of each. restarts: after one was lost."""

    workers: int
    threads: int
    restarts: int
    on_gpus: bool


def train_in_group(cluster: "Cluster", task: RankTask, group: Group, folder: RunFolder) -> Path:
    """Train, print the progress, and return the folder of the version that was published.

    Raises `TrainingError` for a mistake of a rank and for workers that were lost, `ClusterError`
    for what happens to the cluster; all name the node.
    """
    for line in cluster.stream(_driven, task, group, folder, cluster.names):
        for each in line:
            print(each, file=sys.stderr if each.startswith("warning: ") else sys.stdout, flush=True)
    for mistake in folder.mistakes():
        where = cluster.names.get(mistake.place.node, mistake.place.node)
        raise TrainingError(f"node {where}: {mistake.line}")
    published = folder.published()
    if published is None:
        raise TrainingError("the training ended, and nothing was published")
    return published


def _driven(
    task: RankTask, group: Group, folder: RunFolder, names: dict[str, str]
) -> Iterator[list[str]]:
    """Drive Ray Train from a thread, and yield what the leader prints meanwhile.

    Ray Train has no call that stops it. It ends with the process that drives it, or its connection.
    """
    fitted = start_in_thread(_trainer(task, group, folder).fit)
    start, began = 0, time.monotonic()
    while not fitted.done() and not folder.mistakes():
        wait([fitted], _LOOK)
        if folder.place(0) is None and time.monotonic() > began + _PATIENCE:
            began = math.inf
            yield ["waiting for the cluster to have room for the workers"]
        lines, start = folder.said(start)
        yield lines
    wait([fitted], _GRACE)
    yield folder.said(start)[0]
    failure = fitted.exception() if fitted.done() else None
    if failure is not None and not folder.has_ended:
        raise _lost(failure, group, folder, names)


def _trainer(task: RankTask, group: Group, folder: RunFolder) -> Any:
    os.environ |= _SETTINGS
    from ray.train import FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    resources = {"CPU": float(group.threads)} | ({"GPU": 1.0} if group.on_gpus else {})
    return TorchTrainer(
        _in_worker,
        train_loop_config={"task": task, "folder": folder},
        scaling_config=ScalingConfig(
            num_workers=group.workers, use_gpu=group.on_gpus, resources_per_worker=resources
        ),
        run_config=RunConfig(
            name="train",
            storage_path=str(folder.path),
            failure_config=FailureConfig(max_failures=group.restarts),
        ),
    )


def _in_worker(given: dict[str, Any]) -> None:
    import ray
    from ray.train import get_context

    context, node = get_context(), ray.get_runtime_context().get_node_id()
    here = RankPlace(context.get_world_rank(), context.get_world_size(), node)
    work(given["task"], given["folder"], here)


def _lost(
    error: BaseException, group: Group, folder: RunFolder, names: dict[str, str]
) -> TrainingError:
    """Return the error for workers that were lost more often than may be."""
    failures: dict[int, BaseException] = getattr(error, "worker_failures", {})
    after = f"after {group.restarts} restart{'s' * (group.restarts != 1)} (--restarts)"
    rest = "nothing is published; the same command resumes from the last checkpoint"
    if not failures:
        return TrainingError(f"{failure_on_cluster(error, names)}; {rest}")
    rank = min(failures, key=lambda each: (_is_consequence(failures[each]), each))
    place = folder.place(rank)
    where = None if place is None else f"node {names.get(place.node, place.node)}"
    why = failure_on_cluster(failures[rank], names, where)
    return TrainingError(f"{why}: worker {rank} was lost {after}; {rest}")


def _is_consequence(error: BaseException) -> bool:
    """Say whether a worker ended only because another one had."""
    return "another rank has stopped" in str(error) or "by peer" in str(error)

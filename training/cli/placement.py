"""`--on`: a training is handed to the nodes of a Ray cluster."""

from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.cluster.address import read_address
from training.cli.arguments import NETWORKS, Execution, Samples
from training.cli.cluster_options import ClusterOptions
from training.cli.request import (
    TrainingRequest,
    comparison_options,
    contest_of,
    own_samples_of,
    run_here,
)
from training.errors import TrainingError

if TYPE_CHECKING:
    from app.cluster.connection import Cluster
    from training.cluster.run_folder import RunFolder

_RESTARTS = 3


def check_cluster(
    cluster: ClusterOptions, samples: Samples, execution: Execution, origin: str
) -> None:
    """Raise `TrainingError` or `ClusterError` where the options contradict each other.

    origin: a start, or auto.
    """
    if cluster.on is None:
        given = [
            name for name in ("workers", "restarts", "search") if getattr(cluster, name) is not None
        ]
        if given:
            raise TrainingError(f"--{given[0]} is for a cluster: name it with --on, or say local")
        return
    read_address(cluster.on)
    if execution.ranks is not None:
        raise TrainingError("--ranks is for processes of one machine; --on has --workers")
    if samples.data is None:
        raise TrainingError("--on: name the --data, which every node must see")
    if cluster.search is not None and origin != "auto":
        raise TrainingError("--search is for --start auto; a start that is named is not chosen")


def run_on(options: ClusterOptions, request: TrainingRequest) -> Path:
    """Train on a cluster, and return the folder of the version that was published."""
    assert options.on is not None

    from app.cluster.connection import connect
    from training.cluster.group import Group, train_in_group
    from training.cluster.nodes import check_room, checked_nodes
    from training.cluster.run_folder import run_folder
    from training.data.processes import cores

    request = _everywhere(request)
    data = request.samples.data
    assert data is not None  # `check_cluster` asks
    threads, workers = request.schedule.threads or 1, options.workers or 1
    models, checkpoints = request.destination.models, request.execution.checkpoints
    with ExitStack() as stack:
        folder = stack.enter_context(run_folder(checkpoints))  # goes after the cluster
        cluster = stack.enter_context(connect(options.on, max(cores(), threads * workers)))
        check_room(cluster, workers, threads)
        folders = {"--checkpoints": folder.path, "--models": models}
        stack.enter_context(checked_nodes(cluster, data, folders))
        if request.origin == "auto":
            request = _searched(stack, cluster, folder, options, request)
        restarts = _RESTARTS if options.restarts is None else options.restarts
        group = Group(workers, threads, restarts, any(node.gpus for node in cluster.nodes))
        return train_in_group(cluster, partial(run_here, request), group, folder)


def _searched(
    stack: ExitStack,
    cluster: "Cluster",
    folder: "RunFolder",
    options: ClusterOptions,
    request: TrainingRequest,
) -> TrainingRequest:
    """Return the request with the choice, which is kept until the training has ended."""
    from training.cli.applied import use_threads
    from training.cluster.search import Search
    from training.fitting.checkpoint import Checkpoints
    from training.runs.choose_start import decide_start

    threads = request.schedule.threads or 1
    use_threads(threads)
    stack.enter_context(Checkpoints(request.execution.checkpoints, request.execution.fresh))
    recipe, dataset = own_samples_of(request)
    compared = comparison_options(request, options.search)
    search = Search(cluster, partial(contest_of, request), folder, threads, compared)
    choice = decide_start(recipe, dataset, compared, search)
    if choice is None:  # the preparation of the samples names the files
        return replace(request, origin="scratch")
    return replace(request, choice=choice)


def _everywhere(request: TrainingRequest) -> TrainingRequest:
    """Return the request with paths that mean the same in another working directory."""
    samples, destination, start = request.samples, request.destination, request.start
    assert samples.data is not None
    if start.source is not None and start.source not in NETWORKS and Path(start.source).is_dir():
        start = replace(start, source=str(Path(start.source).absolute()))
    execution = request.execution
    return replace(
        request,
        samples=replace(samples, data=samples.data.absolute()),
        destination=replace(destination, models=destination.models.absolute()),
        start=start,
        schedule=replace(request.schedule, threads=request.schedule.threads or 1),
        execution=replace(execution, checkpoints=execution.checkpoints.absolute()),
    )

"""The options of `thalamus-train train` on a Ray cluster."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Group, Parameter

from app.command_line import whole
from training.cli.arguments import Execution

_CLUSTER = Group("On a Ray cluster", sort_key=6)


@Parameter(name="*", group=_CLUSTER)
@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Where a training runs; on a cluster it learns as `--ranks` would."""

    on: Annotated[
        str | None,
        Parameter(
            help="ray://HOST:PORT: train on the cluster whose head is there. local: on a Ray "
            "cluster of this machine alone, started for this command. Every node must see --data, "
            "--checkpoints and --models. Needs thalamus[ray].",
            metavar="ADDRESS|local",
        ),
    ] = None
    workers: Annotated[
        int | None,
        whole(
            "Processes that train together, each with --threads CPUs (default: 1), and a GPU if "
            "the cluster has any. Default: 1.",
            1,
            4096,
        ),
    ] = None
    restarts: Annotated[
        int | None,
        whole(
            "How often it may start again from the last checkpoint after a worker was lost. "
            "Default: 3.",
            0,
            1000,
        ),
    ] = None
    search: Annotated[
        int | None,
        whole(
            "With --start auto, at most so many trainings to choose from, side by side: of every "
            "start, then with other learning rates. Default: one of every start.",
            1,
            100,
        ),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a training runs: in processes here, or on a cluster."""

    execution: Execution = Execution()
    cluster: ClusterOptions = ClusterOptions()

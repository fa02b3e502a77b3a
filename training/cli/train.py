"""`thalamus-train train`: here, or on a Ray cluster, whose nodes run the same."""

from training.cli.arguments import (
    Destination,
    RecipeName,
    Samples,
    ScheduleOptions,
    StartOptions,
)
from training.cli.cluster_options import Placement
from training.cli.lookup import (
    check_demands,
    check_effects,
    check_models,
    check_source,
    check_startable,
    local_samples,
    print_published,
    resolve_start,
    summarize,
)
from training.cli.placement import check_cluster, run_on
from training.cli.request import TrainingRequest, run_here


def train(
    recipe: RecipeName = None,
    /,
    *,
    samples: Samples = Samples(),
    destination: Destination = Destination(),
    start: StartOptions = StartOptions(),
    schedule: ScheduleOptions = ScheduleOptions(),
    placement: Placement = Placement(),
) -> None:
    """Train a model and publish it as a bundle.

    Example: thalamus-train train --data photos --name birds --start features
    """
    execution, cluster = placement.execution, placement.cluster
    chosen = resolve_start(start, recipe is None, schedule, execution.ranks)
    check_cluster(cluster, samples, execution, chosen)
    check_source(start.source, destination.models)
    check_models(destination.models)
    samples = local_samples(samples)
    summary = summarize(recipe, samples)
    if chosen != "scratch":
        check_startable(summary, "it starts from nothing else")
    check_effects(summary, start, samples, schedule, execution, cluster)
    check_demands(summary, destination)
    request = TrainingRequest(
        recipe=recipe,
        samples=samples,
        destination=destination,
        origin=chosen,
        start=start,
        schedule=schedule,
        execution=execution,
    )
    folder = run_here(request) if cluster.on is None else run_on(cluster, request)
    if folder is not None:  # in a rank that does not lead
        print_published(folder)

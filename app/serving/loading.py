"""Loading a bundle: read and hash its files, open the graph, replay its golden cases."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.batching.latency_model import BatchingPolicy
from app.bundle import Bundle, Registry, read_bundle
from app.errors import GoldenMismatch, InvalidBundle, ThalamusError, TrialFailed, UnreadableBundle
from app.in_flight import WorkerGroup
from app.pipeline import Pipeline, Watchdog, replay
from app.registry import SHIPPED
from app.runtime.providers import CPU, Device
from app.serving.all_cores import AllCoresPipeline
from app.serving.item_queue import Answers, PipelineQueue
from app.serving.model import ServedModel
from app.telemetry import log


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How bundles are loaded: the tasks and modalities, the device, and the policy of the queue.

    threads: of a session. deadline: seconds for an answer. after_load: called after loading or
    unloading, which has changed the contents of the memory. on_batch: called with the name and
    version of a model and the items of each of its batches. on_failure: called with those of a
    version that failed. watchdog: of all models. load: returns the model in a version's folder, see
    `load`, which is the default.
    """

    registry: Registry = SHIPPED
    device: Device = "auto"
    threads: int = 1
    policy: BatchingPolicy = field(default_factory=BatchingPolicy)
    deadline: float = 30.0
    cuda_graphs: bool = False
    workers: WorkerGroup = field(default_factory=WorkerGroup)
    after_load: Callable[[], None] = lambda: None
    on_batch: Callable[[str, int, int], None] = lambda _name, _version, _items: None
    on_failure: Callable[[str, int], None] = lambda _name, _version: None
    watchdog: Watchdog | None = None
    load: "Load | None" = None


Load = Callable[[Path, LoadOptions, str | None], ServedModel]


def load(folder: Path, options: LoadOptions, digest: str | None = None) -> ServedModel:
    """Return the model in a version's folder; raise `OperatorError` if it cannot serve.

    digest: of the manifest, if nothing else shall be loaded.
    """
    bundle = read_bundle(folder, options.registry, digest)
    pipeline = _proved(bundle, options)
    policy, workers = options.policy, options.workers
    answers: Answers = pipeline
    if pipeline.provider != CPU:  # a batch is prepared while the GPU runs another
        policy = replace(policy, inline_seconds=0.0, max_concurrent_batches=2)
    elif workers.cores > options.threads:
        build = partial(_pipeline, folder, replace(options, threads=workers.cores), digest)
        in_flight = workers.in_flight
        answers = AllCoresPipeline(pipeline, build, lambda: in_flight.at_most_one)
    on_batch = partial(options.on_batch, pipeline.manifest.name, pipeline.manifest.version)
    queue = PipelineQueue(pipeline, answers, policy, on_batch)
    return ServedModel(pipeline, queue, options.deadline, bundle.example)


def prove(folder: Path, options: LoadOptions, digest: str) -> None:
    """Load a version, replay its golden cases and drop it; raise `OperatorError` as `load` does.

    Whoever calls it has a deadline for all of that, which needs no watchdog.
    """
    _pipeline(folder, replace(options, watchdog=None), digest).close()


def failure_of(error: Exception, name: str, version: int) -> tuple[str, bool]:
    """Return why a version could not be loaded, and whether a later try may succeed.

    Only what the content itself is to blame for stays: a crash, other answers, or files that
    contradict the manifest. An error that nobody expected is logged.
    """
    if isinstance(error, ThalamusError):
        final = isinstance(error, InvalidBundle | GoldenMismatch | TrialFailed)
        return str(error), not final or isinstance(error, UnreadableBundle)
    if isinstance(error, MemoryError):
        return "there is not enough memory to load it", True
    log.error("model failed: %s/%s", name, version, exc_info=error)
    return "an unexpected error; the log has it", True


def _pipeline(folder: Path, options: LoadOptions, digest: str | None) -> Pipeline:
    return _proved(read_bundle(folder, options.registry, digest), options)


def _proved(bundle: Bundle, options: LoadOptions) -> Pipeline:
    pipeline = Pipeline(
        bundle, options.device, options.threads, options.cuda_graphs, options.watchdog
    )
    try:
        differences = replay(bundle, pipeline)
        if differences:
            raise GoldenMismatch(
                f"{len(differences)} of the golden cases differ on {pipeline.provider}; "
                f"the first: {differences[0]}"
            )
    except BaseException:
        pipeline.close()
        raise
    return pipeline

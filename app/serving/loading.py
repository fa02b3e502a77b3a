"""A folder → a served model: read, hashed, loaded, and proved by its golden cases."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.batching.latency_model import Bounds
from app.bundle import Bundle, Registry, read_bundle
from app.errors import GoldenMismatch
from app.in_flight import Crew
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.runtime.providers import CPU, Device
from app.serving.all_cores import Wide
from app.serving.model import ServedModel


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How bundles are loaded: with which tasks and modalities, on which device, behind which queue.

    threads: of a session. deadline: seconds for an answer. after_load: called when loading has
    changed what is in memory.
    """

    registry: Registry = SHIPPED
    device: Device = "auto"
    threads: int = 1
    bounds: Bounds = field(default_factory=Bounds)
    deadline: float = 30.0
    cuda_graphs: bool = False
    crew: Crew = field(default_factory=Crew)
    after_load: Callable[[], None] = lambda: None


def load(folder: Path, options: LoadOptions) -> ServedModel:
    """Return the model of a version's folder; raise `OperatorError`."""
    bundle = read_bundle(folder, options.registry)
    pipeline = _proved(bundle, options)
    case = bundle.golden[0]
    example = (bundle.files[f"golden/{case.file}"], case)
    bounds, crew = options.bounds, options.crew
    answer = pipeline.answer
    if pipeline.provider != CPU:  # a batch is prepared while the GPU runs another
        bounds = replace(bounds, inline_seconds=0.0, lanes=2)
    elif crew.cores > options.threads:
        widen = partial(_pipeline, folder, replace(options, threads=crew.cores))
        answer = Wide(pipeline, widen, lambda: crew.alone).answer
    return ServedModel(pipeline, bounds, options.deadline, answer, example)


def _pipeline(folder: Path, options: LoadOptions) -> Pipeline:
    return _proved(read_bundle(folder, options.registry), options)


def _proved(bundle: Bundle, options: LoadOptions) -> Pipeline:
    pipeline = Pipeline(bundle, options.device, options.threads, options.cuda_graphs)
    differences = replay(bundle, pipeline)
    if differences:
        raise GoldenMismatch(
            f"{len(differences)} of the golden cases differ on {pipeline.provider}; "
            f"the first: {differences[0]}"
        )
    return pipeline

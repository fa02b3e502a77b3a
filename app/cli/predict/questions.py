"""Who is asked what: a bundle, or a model of a service.

Mistakes are found here, before any file is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.bundle import Registry, read_manifest
from app.cli.predict.answers import Model
from app.cli.predict.rows import Rows, members_of
from app.cli.predict.run import Question
from app.cli.predict.service import RemoteModel, address_of, model_facts
from app.cli.server_connection import ServerAddress
from app.errors import OperatorError, UnsupportedTask
from app.names import unknown_name
from app.process.resources import available_cpus, default_workers
from app.runtime.providers import Device, cuda_present
from app.tasks import Options, Task
from app.tasks.task import read_options


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. task: by default the model's own. given: its options, by name.

    texts: whether the inputs are texts of tables.
    """

    task: str | None
    given: Mapping[str, str]
    texts: bool = False


@dataclass(frozen=True, slots=True)
class _Opening:
    """How each process opens the bundle."""

    folder: Path
    registry: Registry
    options: Options
    device: Device
    threads: int

    def open(self, rows: Rows) -> Model:
        from app.cli.predict.bundle import LocalModel, LocalQuestion  # imports ONNX Runtime

        question = LocalQuestion(
            self.folder, self.registry, self.options, self.device, self.threads
        )
        return LocalModel(question, rows)


def of_bundle(
    folder: Path, registry: Registry, wanted: Wanted, device: Device, workers: int | None
) -> Question:
    """Return the question for the version in a folder; raise a `ThalamusError`.

    workers: processes; None: as many as the service would have.
    """
    manifest = read_manifest(folder, registry)
    task, options = _task(registry, wanted.task or manifest.task, wanted.given)
    able = [each.name for each in registry.tasks.values() if each.can(manifest)]
    if task.name not in able:
        what = f"what it can be asked is to {' or '.join(able)}"
        raise UnsupportedTask(f"{manifest.name} does not {task.name}; {what}")
    if task.steps is not None:
        say = f"use: thalamus complete {folder} TEXT"
        raise OperatorError(f"{manifest.name} completes texts; {say}")
    accepts = registry.modalities[manifest.encoder.kind].accepts
    if wanted.texts and not accepts("text/plain"):
        raise OperatorError(f"--text-column: {manifest.name} takes no texts ({manifest.modality})")
    count = workers or default_workers(device)
    threads = available_cpus() if _on_gpu(device) else 1
    opening = _Opening(folder, registry, options, device, max(1, threads // count))
    members = members_of(task.answer_type(registry), task.name, options.explains)
    return Question(manifest.name, manifest.version, members, opening.open, count)


def of_service(
    server: ServerAddress, model: str, registry: Registry, wanted: Wanted, workers: int
) -> Question:
    """Return the question for a model of a service, `NAME` or `NAME/VERSION`.

    Raises a `ThalamusError`, also where the service does not answer or has no such model.
    """
    name, version = address_of(model)
    own = model_facts(server, name).get("task")
    task, options = _task(registry, wanted.task or str(own), wanted.given)
    if task.steps is not None:
        raise OperatorError(f"{name} completes texts, which predict does not")
    members = members_of(task.answer_type(registry), task.name, options.explains)

    def load(rows: Rows) -> Model:
        return RemoteModel(server, model, task, wanted.given, rows)

    return Question(name, version, members, load, workers, remote=True)


def _task(registry: Registry, name: str, given: Mapping[str, str]) -> tuple[Task, Options]:
    task = registry.tasks.get(name)
    if task is None:
        raise OperatorError(unknown_name("task", name, registry.tasks))
    return task, read_options(task.options, given.items(), f"option of {name}")


def _on_gpu(device: Device) -> bool:
    return device != "cpu" and cuda_present()

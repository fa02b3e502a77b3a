"""Answers of a bundle to files, without a server."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.bundle import Registry, read_bundle
from app.errors import InvalidInput, OperatorError
from app.modalities import Payload
from app.names import unknown_name
from app.pipeline import Pipeline
from app.tasks.task import read_options


def ask(
    folder: Path,
    files: Sequence[Path],
    registry: Registry,
    task: str | None,
    given: Mapping[str, str],
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the answer to each file, as the HTTP API writes it.

    task: by default the bundle's own. given: options of the task, by name. Raises
    `UnsupportedTask`, and `InvalidInput` for an unknown option or a file that cannot be decoded.
    """
    pipeline = Pipeline(read_bundle(folder, registry))
    chosen = registry.tasks.get(task or pipeline.task.name)
    if chosen is None:
        raise OperatorError(unknown_name("task", str(task), registry.tasks))
    pipeline.require(chosen.name)
    if chosen.steps is not None:
        name = pipeline.manifest.name
        raise OperatorError(f"{name} completes texts; use: thalamus complete {folder} TEXT")
    options = read_options(chosen.options, given.items(), f"option of {chosen.name}")
    for path in files:
        payload = Payload(path.read_bytes(), "application/octet-stream")
        try:
            item = chosen.item(pipeline.predict([payload], options)[0])
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error}") from error
        yield path, item if isinstance(item, dict) else {chosen.name: item}

"""A bundle in this process, as a `Model`: read, encode, run in batches, write rows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.batching.latency_model import BatchingPolicy, LatencyModel
from app.bundle import Registry, read_bundle
from app.cli.predict.answers import Answered
from app.cli.predict.inputs import Input
from app.cli.predict.rows import Rows, as_members
from app.errors import InvalidInput, ThalamusError
from app.pipeline import InferenceItem, ItemResult, Pipeline
from app.runtime.providers import Device
from app.tasks import Options

_POLICY = BatchingPolicy(inline_seconds=0.0)  # nobody waits for a single answer

_POOL = 8  # batches whose items are grouped by length together


@dataclass(frozen=True, slots=True)
class LocalQuestion:
    """What is asked of which bundle. threads: of one operator, and for decoding."""

    folder: Path
    registry: Registry
    options: Options
    device: Device
    threads: int = 1


class LocalModel:
    """Answers chunks in batches whose size is learned, as the service's batcher does."""

    def __init__(self, question: LocalQuestion, rows: Rows) -> None:
        bundle = read_bundle(question.folder, question.registry)
        self._pipeline = Pipeline(bundle, question.device, question.threads)
        self._task = question.registry.tasks[question.options.task]
        self._options, self._rows = question.options, rows
        self._latency = LatencyModel(_POLICY)
        axes = [axis for spec in bundle.manifest.inputs for axis in spec.shape[1:]]
        self._pool = _POOL if any(isinstance(axis, str) for axis in axes) else 1

    def answer(self, inputs: Sequence[Input]) -> Answered:
        """Answer one chunk."""
        start, rows, errors, place = time.perf_counter(), [], 0, 0
        while place < len(inputs):
            batch = inputs[place : place + self._pool * self._latency.max_items]
            place += len(batch)
            for source, answer in zip(batch, self._batch(batch), strict=True):
                if isinstance(answer, ItemResult):
                    members = as_members(self._task.item(answer.answer), self._task.name)
                    manifest = self._pipeline.manifest
                    row = self._rows.answer(source, manifest.name, manifest.version, members)
                else:
                    row, errors = self._rows.error(source, _said(answer)), errors + 1
                rows.append(row)
        return Answered(b"".join(rows), len(inputs), errors, time.perf_counter() - start)

    def _batch(self, inputs: Sequence[Input]) -> Sequence[ItemResult | Exception]:
        start = time.perf_counter()
        read = [self._item(each) for each in inputs]
        items = [each for each in read if isinstance(each, InferenceItem)]
        answers = iter(self._pipeline.answer(items) if items else ())
        found = [next(answers) if isinstance(each, InferenceItem) else each for each in read]
        if any(isinstance(each, ItemResult) for each in found):
            self._latency.observe(len(items), time.perf_counter() - start)
        return found

    def _item(self, source: Input) -> InferenceItem | InvalidInput:
        try:
            return InferenceItem(source.read(), self._options)
        except InvalidInput as error:
            return error


def _said(error: Exception) -> str:
    if isinstance(error, ThalamusError):
        return str(error)
    return f"it cannot be read ({type(error).__name__}: {error})"

"""Running generations in this process; the service runs each of their steps in its batcher."""

from collections.abc import Iterator, Sequence
from typing import Any

from app.pipeline.pipeline import Pipeline
from app.tasks import Task
from app.tasks.task import Generation


def generate(pipeline: Pipeline, task: Task, generations: Sequence[Generation]) -> None:
    """Run all generations together, in batches, until each is finished."""
    while running := [each for each in generations if each.finish_reason is None]:
        answers = pipeline.predict([each.payload for each in running], task.options())
        for each, answer in zip(running, answers, strict=True):
            each.append(answer)


def stream(pipeline: Pipeline, task: Task, generation: Generation) -> Iterator[Any]:
    """Run one generation and yield its steps."""
    while generation.finish_reason is None:
        yield generation.append(pipeline.predict([generation.payload], task.options())[0])

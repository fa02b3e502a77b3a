"""Replaying golden cases: before publishing, after loading, and for `thalamus verify`.

It uses `Pipeline.answer`, as traffic does, for each case alone and for all in one batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.bundle import Bundle, GoldenCase
from app.errors import ThalamusError, Unavailable
from app.modalities import Payload
from app.pipeline.generate import generate
from app.pipeline.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class Difference:
    """A golden case whose answer on this machine differs from the published one."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"golden/{self.file}: {self.what}"


def golden_payload(bundle: Bundle, case: GoldenCase) -> Payload:
    """Return the case's payload in the form in which a client sends it."""
    return Payload(bundle.files[f"golden/{case.file}"], case.media_type)


def golden_answers(pipeline: Pipeline, payloads: Sequence[Payload]) -> Sequence[Any]:
    """Return the answers of the bundle's own task with its golden options, in one batch."""
    task = pipeline.task
    if task.steps is None:
        return pipeline.predict(payloads, task.golden_options)
    generations = [task.steps.golden(pipeline.encoder, payload) for payload in payloads]
    generate(pipeline, task, generations)
    return generations


def replay(bundle: Bundle, pipeline: Pipeline) -> list[Difference]:
    """Answer every golden case, alone and all in one batch; return the differences.

    Two answers are equal if all their numbers are, within the manifest's tolerance. The replay also
    warms up single items and batches. Raises `Unavailable` where the machine is short of something,
    which says nothing about the bundle.
    """
    cases, difference = bundle.golden, pipeline.task.difference
    try:
        payloads = [golden_payload(bundle, case) for case in cases]
        together = golden_answers(pipeline, payloads)
        alone = [golden_answers(pipeline, [payload])[0] for payload in payloads]
    except Unavailable:
        raise
    except ThalamusError as error:
        return [Difference(cases[0].file, str(error))]
    tolerance = bundle.manifest.tolerance
    return [
        Difference(case.file, f"{way}: {what}")
        for way, answers in (("alone", alone), ("in a batch", together))
        for case, answer in zip(cases, answers, strict=True)
        if (what := difference(case, answer, tolerance))
    ]

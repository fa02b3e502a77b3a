"""Adding golden cases to a new bundle: payloads, with the answers of its own pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from app.bundle import Bundle, Manifest, Registry
from app.bundle.files import CASES
from app.bundle.publish import seal
from app.errors import GoldenMismatch, InvalidBundle
from app.modalities import Payload
from app.pipeline.pipeline import Pipeline
from app.pipeline.replay import golden_answers, replay
from app.registry import SHIPPED


@dataclass(frozen=True, slots=True)
class Golden:
    """A payload to publish with its answer; `expected` is the required top answer, if any."""

    file: str
    payload: Payload
    expected: str | None = None
    note: str = ""


def answer_golden(
    manifest: Manifest,
    files: Mapping[str, bytes],
    golden: Sequence[Golden],
    registry: Registry = SHIPPED,
) -> Bundle:
    """Return the sealed bundle with these cases, after it has answered and replayed them.

    Raises `GoldenMismatch` if the top answer to a payload is not the expected one, or if the bundle
    does not give the same answer twice; raises `InvalidBundle` without payloads.
    """
    if not golden:
        raise InvalidBundle(f"{manifest.name}: a bundle needs at least one golden case")
    files = {**files, **{f"golden/{case.file}": case.payload.data for case in golden}}
    pipeline = Pipeline(Bundle(manifest, files, (), registry))
    task = pipeline.task
    answers = golden_answers(pipeline, [case.payload for case in golden])
    for case, answer in zip(golden, answers, strict=True):
        top, score = task.top_answer(answer)
        if case.expected not in (None, top):
            raise GoldenMismatch(
                f"golden/{case.file} is {case.expected!r} but the model answers {top!r} "
                f"({score:.2f}); nothing is published"
            )
    cases = [task.golden_case(a, _about(case)) for case, a in zip(golden, answers, strict=True)]
    document = orjson.dumps([case.model_dump() for case in cases], option=orjson.OPT_INDENT_2)
    bundle = seal(manifest, {**files, CASES: document + b"\n"}, registry)
    differences = replay(bundle, pipeline)
    if differences:
        raise GoldenMismatch(f"the bundle contradicts itself: {differences[0]}")
    return bundle


def _about(golden: Golden) -> dict[str, str]:
    return {
        "file": golden.file,
        "media_type": golden.payload.media_type,
        "note": golden.note,
    }

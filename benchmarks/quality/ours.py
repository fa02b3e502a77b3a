"""Our default: `thalamus-train train --data <training part>`, then the bundle's own answers.

`python -m benchmarks.quality.ours SET OUT [ARGUMENT …]` trains by the command line, in a process,
and asks the published bundle about each test sample by the pipeline that serves. Further arguments
go to the command.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline
from app.pipeline.item import make_items
from app.registry import SHIPPED
from benchmarks.quality.answers import Answers, Clock, folder_megabytes
from benchmarks.quality.prepare import Labelled, Prepared, prepare
from benchmarks.quality.sets import BY_NAME
from benchmarks.servers import ROOT

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".wav": "audio/wav"}
_BATCH = 32


class NoBundle(Exception):
    """The training ended without a bundle; the text is its last line."""


def train(prepared: Prepared, arguments: Sequence[str], folder: Path) -> Path:
    """Train on a set's training part and return the published version; raise `NoBundle`.

    Earlier versions and checkpoints in `folder` are removed: a training that resumes from a
    checkpoint takes less time than it says.
    """
    shutil.rmtree(folder, ignore_errors=True)
    name = prepared.facts.name
    command = [sys.executable, "-m", "training.cli", "train"]
    command += ["--data", str(prepared.data("train")), "--name", name]
    command += ["--models", str(folder / "models"), "--checkpoints", str(folder / "checkpoints")]
    command += arguments
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    versions = sorted((folder / "models" / name).glob("[0-9]*"), key=lambda path: int(path.name))
    if done.returncode or not versions:
        raise NoBundle(f"thalamus-train ended with status {done.returncode}")
    return versions[-1]


def answers(pipeline: Pipeline, samples: Sequence[Labelled]) -> Iterator[tuple[str, list[str]]]:
    """Yield label and prediction set of each sample; an empty label where it cannot be read."""
    options = pipeline.task.options()
    for start in range(0, len(samples), _BATCH):
        payloads = [_payload(sample) for sample in samples[start : start + _BATCH]]
        for result in pipeline.answer(make_items(payloads, options)):
            if isinstance(result, Exception):
                print(f"no answer: {result}", file=sys.stderr)
                yield "", []
            else:
                yield result.answer.label, list(result.answer.prediction_set or ())


def _payload(sample: Labelled) -> Payload:
    if sample.path is None:
        return Payload(sample.text.encode("utf-8", "replace"), "text/plain", "utf-8")
    return Payload(sample.path.read_bytes(), MEDIA_TYPES[sample.path.suffix])


def contest(prepared: Prepared, arguments: Sequence[str], folder: Path) -> Answers:
    """Train, ask, and return the answers with what the training cost."""
    clock = Clock()
    bundle = train(prepared, arguments, folder)
    seconds, processor = clock.stop()
    pipeline = Pipeline(read_bundle(bundle, SHIPPED))
    found = list(answers(pipeline, prepared.samples("test")))
    limits = pipeline.manifest.conformal
    unread = sum(not label for label, _ in found)
    return Answers(
        [label for label, _ in found],
        seconds,
        processor,
        folder_megabytes(bundle),
        " ".join([*arguments, f"{unread} without an answer" if unread else ""]).strip(),
        [credible for _, credible in found] if limits else None,
        limits.coverage if limits else None,
    )


if __name__ == "__main__":
    name, out, *further = sys.argv[1:]
    asked = BY_NAME[name]
    wanted = prepare(asked)
    contest(wanted, [*asked.arguments, *further], wanted.folder / "ours").write(Path(out))

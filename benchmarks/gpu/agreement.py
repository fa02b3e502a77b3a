"""The agreement of a GPU with the CPU: golden cases, and the largest difference."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from app.errors import ThalamusError
from app.pipeline import Pipeline, replay
from app.runtime.providers import CPU, Device, providers_for
from benchmarks.gpu.subject import Subject, log_events, quiet


@dataclass(frozen=True)
class Agreement:
    """One bundle on one device, with CUDA graphs or without."""

    provider: str
    differs: Sequence[str]  # golden cases and their differences
    largest: float  # difference of a probability to the CPU's, over all golden cases
    said: Sequence[str]  # what was logged

    def __str__(self) -> str:
        if not self.provider:
            return f"**fails**: {'; '.join(self.differs)}"
        answers = f"**differs**: {'; '.join(self.differs)}" if self.differs else "agree"
        said = "".join(f"; {line}" for line in self.said)
        return f"{self.provider}, {answers}, {self.largest:.1e}{said}"


def agreement(subject: Subject, device: Device, cuda_graphs: bool) -> Agreement:
    """Replay the golden cases on `device`, and compare the outputs with the CPU's."""
    with log_events() as said:
        try:
            pipeline = Pipeline(subject.bundle, device, cuda_graphs=cuda_graphs)
            differs = [str(difference) for difference in replay(subject.bundle, pipeline)]
            largest = _largest(subject, Pipeline(subject.bundle), pipeline)
        except ThalamusError as error:
            return Agreement("", [str(error)], float("nan"), said)
    return Agreement(pipeline.provider, differs, largest, said)


def _largest(subject: Subject, one: Pipeline, other: Pipeline) -> float:
    """Return the largest difference of a probability, or of the first output if there is none.

    Every item runs alone, and all run in one batch.
    """
    name = subject.bundle.manifest.outputs[0].name
    batches = [*([item] for item in subject.items), subject.items]
    return max(
        float(np.abs(_scores(a[name], name) - _scores(b[name], name)).max())
        for batch in batches
        for a, b in zip(one.run(batch), other.run(batch), strict=True)
    )


def _scores(values: np.ndarray, name: str) -> np.ndarray:
    return np.exp(values) if name.startswith("log_") else values


def kernels(subject: Subject, device: Device) -> tuple[int, int]:
    """Return how many kernels of one run are on the device, and how many on the CPU."""
    options = quiet()
    options.enable_profiling = True
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        model, providers = subject.bundle.model, providers_for(device)
        session = onnxruntime.InferenceSession(model, options, providers=providers)
        session.run(subject.outputs, dict(subject.feeds(1)))
        events = json.loads(Path(session.end_profiling()).read_text())
    ran = Counter(e["args"]["provider"] for e in events if e["name"].endswith("_kernel_time"))
    return ran.total() - ran[CPU], ran[CPU]


def table(subjects: Sequence[Subject], device: Device) -> Iterator[str]:
    """Yield a row a bundle."""
    heads = ("golden cases", "kernels on the GPU + CPU", "as served", "with CUDA graphs")
    yield f"| bundle | {' | '.join(heads)} |"
    yield "|---" * 5 + "|"
    for subject in subjects:
        ways = (agreement(subject, device, graphs) for graphs in (False, True))
        ran = "{} + {}".format(*kernels(subject, device))
        cells = [subject.name, str(len(subject.bundle.golden)), ran, *map(str, ways)]
        yield f"| {' | '.join(cells)} |"

"""What a contestant gives: a label for each test sample, and what that cost.

Each contestant is trained and asked in a process of its own, which writes this as JSON.
"""

import json
import pickle
import resource
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Answers:
    """labels: one for each test sample, in `Prepared.samples` order; "" where there was no answer.

    seconds, cpu_seconds: of the training, feature extraction included, answers excluded. megabytes:
    of what must be kept to answer. sets, promised: prediction sets and the coverage that they
    promise, if there are any.
    """

    labels: Sequence[str]
    seconds: float
    cpu_seconds: float
    megabytes: float
    remark: str = ""
    sets: Sequence[Sequence[str]] | None = None
    promised: float | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False))


def read_answers(path: Path) -> Answers:
    """Read what `Answers.write` wrote."""
    return Answers(**json.loads(path.read_text()))


class Clock:
    """Wall and processor time since its making: of this process and of its ended children."""

    def __init__(self) -> None:
        self._wall, self._processor = time.perf_counter(), _processor()

    def stop(self) -> tuple[float, float]:
        """Return seconds on the wall and of the processors."""
        return time.perf_counter() - self._wall, _processor() - self._processor


def _processor() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def pickled_megabytes(model: Any) -> float:
    """Return the size of a model as its users would store it."""
    return len(pickle.dumps(model)) / 1e6


def folder_megabytes(folder: Path) -> float:
    """Return the size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6

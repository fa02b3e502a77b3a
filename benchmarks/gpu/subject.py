"""Bundles with encoded items, and the timing of their runs."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
import onnxruntime

from app.batching.collate import collate
from app.bundle import Bundle, read_bundle
from app.bundle.tensors import SALIENCY, Allocate, Arrays, allocate
from app.modalities import Payload, encoder_for
from app.registry import SHIPPED
from benchmarks.inputs import MODELS
from benchmarks.models import BUNDLES

MOST, BUDGET = 2000, 0.1  # runs, seconds


class Subject:
    """A bundle and its golden cases, encoded."""

    def __init__(self, folder: Path) -> None:
        self.bundle: Bundle = read_bundle(folder, SHIPPED)
        version = folder.parent.parent == MODELS and folder.name == "1"
        self.name = self.bundle.manifest.name + ("" if version else f"/{folder.name}")

    @cached_property
    def items(self) -> list[Arrays]:
        """The encoded golden cases."""
        files = self.bundle.files
        encoder = encoder_for(self.bundle.manifest.encoder, files)
        return [
            encoder.encode(Payload(files[f"golden/{case.file}"], case.media_type)).arrays
            for case in self.bundle.golden
        ]

    @property
    def outputs(self) -> list[str]:
        """The outputs that the service fetches without an explanation."""
        return [spec.name for spec in self.bundle.manifest.outputs if spec.name != SALIENCY]

    def feeds(self, size: int, empty: Allocate = allocate) -> Mapping[str, np.ndarray]:
        """Return a batch of so many items, its golden cases in turn."""
        manifest = self.bundle.manifest
        items = [self.items[place % len(self.items)] for place in range(size)]
        arrays = collate(items, manifest.encoder.tensors(), empty).values()
        return dict(zip((spec.name for spec in manifest.inputs), arrays, strict=True))


def shipped() -> list[Subject]:
    """Return every bundle of models/."""
    return [Subject(path.parent) for path in sorted(MODELS.glob("*/*/manifest.json"))]


def timed(more: Path | None) -> list[Subject]:
    """Return those whose batches are timed: some shipped, two of the benchmark, and `more`."""
    folders = [MODELS / name / "1" for name in ("imagenet", "spam", "completion")]
    folders += [BUNDLES / name / "1" for name in ("large", "small")]
    if more:
        folders += sorted(path.parent for path in more.glob("*/*/manifest.json"))
    return [Subject(folder) for folder in folders]


def quiet() -> onnxruntime.SessionOptions:
    """Return ONNX Runtime's default options without warnings."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return options


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of the first run, and the median of the runs that fit into `BUDGET`."""
    first = _once(run)
    run()
    took: list[float] = []
    while not took or (sum(took) < BUDGET and len(took) < MOST):
        took.append(_once(run))
    return first, float(np.median(took))


def _once(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@contextmanager
def log_events() -> Iterator[list[str]]:
    """Collect the service's log events during the context, in the form `event: reason`."""
    log, lines = logging.getLogger("thalamus"), list[str]()
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(_line(record))  # type: ignore[method-assign]
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


def _line(record: logging.LogRecord) -> str:
    reason = getattr(record, "fields", {}).get("reason", "")
    return f"{record.getMessage()}: {reason}"

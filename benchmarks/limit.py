"""The in-process limit: decode and run in bulk on all cores, without HTTP or a queue.

Its processes live as long as the benchmark and sleep between measurements.
"""

import io
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile
import soxr

from app.bundle import read_bundle
from app.modalities import Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.registry import SHIPPED
from benchmarks.models import workload
from benchmarks.peers.picture import decode

CORES = len(os.sched_getaffinity(0))
BATCHES = (1, 2, 4, 8, 16, 32)
Arrays = dict[str, np.ndarray]
Score = Callable[[Arrays], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """The number of processes, of ONNX Runtime threads in each, and of items in a batch."""

    processes: int
    threads: int
    batch: int


SETTINGS = [Setting(CORES, 1, b) for b in BATCHES] + [Setting(1, CORES, b) for b in BATCHES]


class Limit:
    """Measures the largest throughput of the machine; `close` ends its processes."""

    def __init__(self, draft: bool = True) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for _ in range(CORES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, draft), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
        self._best: dict[str, Setting] = {}

    def rate(self, model: str, seconds: float) -> float:
        """Return items a second, with the best setting."""
        return self.measure(model, self.best(model), seconds)

    def latency(self, model: str, seconds: float) -> float:
        """Return the mean seconds for one item at a time, with all cores if that is faster."""
        candidates = {1, CORES}
        return min(1 / self.measure(model, Setting(1, t, 1), seconds / 2) for t in candidates)

    def best(self, model: str) -> Setting:
        """Return the fastest setting: all are measured briefly, then the best three again."""
        if model not in self._best:
            short = sorted(SETTINGS, key=lambda s: -self.measure(model, s, 0.15))[:3]
            self._best[model] = max(short, key=lambda s: self.measure(model, s, 0.6))
        return self._best[model]

    def close(self) -> None:
        """End the processes."""
        for pipe, process in zip(self._pipes, self._processes, strict=True):
            pipe.close()
            process.join()

    def measure(self, model: str, setting: Setting, seconds: float) -> float:
        """Return items a second with one setting."""
        pipes = self._pipes[: setting.processes]
        for wait in (0.0, seconds):  # the first call loads what is missing
            for pipe in pipes:
                pipe.send((model, setting, wait))
            rates = [pipe.recv() for pipe in pipes]
        return float(sum(rates))


def cost(model: str) -> float:
    """Return the processor seconds of an item at the best batch size, in this process."""
    bulk, taken = _bulk(model, 1, True), []
    for batch in BATCHES:
        start, items = time.process_time(), bulk(batch)
        taken.append((time.process_time() - start) / items)
    return min(taken)


def _work(pipe: Connection, draft: bool) -> None:
    loaded: dict[tuple[str, int], Callable[[int], int]] = {}
    while True:
        try:
            model, setting, seconds = pipe.recv()
        except EOFError:
            return
        key = (model, setting.threads)
        if key not in loaded:
            loaded[key] = _bulk(model, setting.threads, draft)
        pipe.send(_rate(loaded[key], setting.batch, seconds))


def _rate(bulk: Callable[[int], int], batch: int, seconds: float) -> float:
    """Return items a second, over at least one pass."""
    start, items = time.perf_counter(), bulk(batch)
    while time.perf_counter() - start < seconds:
        items += bulk(batch)
    return items / (time.perf_counter() - start)


def _bulk(model: str, threads: int, draft: bool) -> Callable[[int], int]:
    """Return a function that classifies every payload of a model once and returns their number."""
    work = workload(model)
    score, encode = scorer(work.bundle, threads), _encoder(model, draft)

    def bulk(batch: int) -> int:
        items: list[Arrays] = []
        for payload in work.payloads:
            items.append(encode(payload))
            if batch == 1 or len(items) == POOL * batch:
                _run(score, items, batch)
                items = []
        if items:
            _run(score, items, batch)
        return len(work.payloads)

    return bulk


POOL = 8  # batches whose items are sorted by length together


def scorer(bundle: Path, threads: int) -> Score:
    """Return a function from a batch to the scores (batch, labels) of a classifier's graph.

    The scores are the manifest's first output; the others (embedding, novelty, saliency) are not
    fetched.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(bundle / "model.onnx", options)
    scores = [read_bundle(bundle, SHIPPED).manifest.outputs[0].name]
    return lambda batch: np.asarray(session.run(scores, batch)[0])


def _run(score: Score, items: list[Arrays], batch: int) -> None:
    """Run batches of items of neighbouring lengths, which need the least padding."""
    items.sort(key=lambda item: sum(array.size for array in item.values()))
    for start in range(0, len(items), batch):
        score(_padded(items[start : start + batch])).argmax(1)


def _padded(items: Sequence[Arrays]) -> Arrays:
    batch = {}
    for name, first in items[0].items():
        shape = [max(sizes) for sizes in zip(*(i[name].shape for i in items), strict=True)]
        batch[name] = np.zeros((len(items), *shape), first.dtype)
        for row, item in enumerate(items):
            place: tuple[int | slice, ...] = (row, *map(slice, item[name].shape))
            batch[name][place] = item[name]
    return batch


def _encoder(model: str, draft: bool) -> Callable[[bytes], Arrays]:
    """Return a function that decodes with the usual library: Pillow, soundfile, tokenizers."""
    work = workload(model)
    bundle = read_bundle(work.bundle, SHIPPED)
    spec = bundle.manifest.encoder
    if isinstance(spec, ImageSpec):
        return lambda payload: {"image": decode(payload, spec.width, draft)}
    if isinstance(spec, AudioSpec):
        return lambda payload: {"pcm": _heard(payload, spec)}
    encoder = encoder_for(spec, bundle.files)
    return lambda payload: dict(encoder.encode(Payload(payload, work.media_type)).arrays)


def _heard(sound: bytes, spec: AudioSpec) -> np.ndarray:
    """Return int16 (samples,) of a sound that is not longer."""
    signal, rate = soundfile.read(io.BytesIO(sound), dtype="float32", always_2d=True)
    signal = soxr.resample(signal.mean(axis=1), rate, spec.rate)
    heard = np.zeros(spec.samples, np.int16)
    heard[: signal.size] = np.clip(np.round(signal * 32768), -32768, 32767)
    return heard

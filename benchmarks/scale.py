"""`python -m benchmarks scale`: docs/scale.md; with `--measure` from what one node here does.

Measured are the shipped models behind `thalamus serve` with two workers, `thalamus predict`, and
the default trainings' loop. The load generator shares the cores. A figure is a median of rounds.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from benchmarks import inputs, machine, scale_report
from benchmarks.bulk import Command
from benchmarks.forms import Requests
from benchmarks.inputs import MODELS
from benchmarks.load import drive
from benchmarks.models import CACHE, Workload
from benchmarks.servers import Server, Thalamus, start

ROUNDS, CLIENTS, SECONDS = 3, 32, 4
SCRAPES = 50
GOLDEN = {"digits": ("*.png", "image/png"), "spam": ("*.txt", "text/plain")}


@dataclass(frozen=True)
class Shipped(Workload):
    """A shipped model and payloads for it."""

    @property
    def bundle(self) -> Path:
        """Its first version."""
        return MODELS / self.model / "1"


def run(measure_too: bool) -> None:
    """Write the document; `measure_too`: and the figures of this machine before."""
    if measure_too:
        scale_report.MEASURED.write_text(json.dumps(measure(), indent=2) + "\n")
    scale_report.write()


def workloads() -> list[Shipped]:
    """Return photos of 100 KB for `imagenet`, and golden cases for the others."""
    found = [Shipped("imagenet", "image/jpeg", tuple(inputs.photos(8, (640, 480), 100_000)))]
    for model, (pattern, media_type) in GOLDEN.items():
        files = sorted((MODELS / model / "1" / "golden").glob(pattern))
        found.append(Shipped(model, media_type, tuple(file.read_bytes() for file in files)))
    return [*found, Shipped("spoken-digits", "audio/wav", tuple(inputs.sounds()))]


def measure() -> dict[str, Any]:
    """Return the figures of this machine, as benchmarks/scale.json has them."""
    CACHE.mkdir(exist_ok=True)
    works, watch = workloads(), machine.Watch()
    server = start(Thalamus(models=MODELS, settings={"THALAMUS_WORKERS": "2"}), works[0])
    try:
        node = _node(server)
        answered = {work.model: _answered(server, work) for work in works}
        node["connections"] = _median(lambda: _closing(server, works[1]))
    finally:
        server.stop()
    scored = {work.model: _scored(work) for work in works}
    return {
        "machine": machine.describe(),
        "date": datetime.now(UTC).date().isoformat(),
        "answered": answered,
        "scored": scored,
        "trained": _trained(),
        "node": node,
        "foreign": watch.foreign(),
        "rounds": ROUNDS,
    }


def _median(figure: Callable[[], float]) -> float:
    return statistics.median(figure() for _ in range(ROUNDS))


def _node(server: Server) -> dict[str, float]:
    """Return what one node weighs: megabytes, seconds, lines, kilobytes and milliseconds."""
    time.sleep(2)  # memory of the start is given back
    address = f"http://127.0.0.1:{server.port}/metrics"
    workers = [machine.memory(pid) for pid in machine.tree(server.process.pid)[1:]]
    text = _read(address)
    before = machine.cpu(server.process.pid)
    for _ in range(SCRAPES):
        _read(address)
    took = (machine.cpu(server.process.pid) - before) / SCRAPES
    sizes = [
        sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) for folder in _bundles()
    ]
    return {
        "memory": machine.memory(server.process.pid) / 1e6,
        "worker": max(workers) / 1e6,
        "start": server.ready_after,
        "series": float(sum(not line.startswith("#") for line in text.splitlines())),
        "scrape": len(text.encode()) / 1e3,
        "scrape_cpu": took * 1e3,
        "bundles": sum(sizes) / 1e6,
        "largest": max(sizes) / 1e6,
    }


def _bundles() -> list[Path]:
    return [folder for folder in MODELS.iterdir() if folder.is_dir()]


def _read(address: str) -> str:
    with urlopen(address, timeout=30) as response:
        return str(response.read().decode())


def _answered(server: Server, work: Workload) -> dict[str, float]:
    loads = [
        drive(server.kind.requests(server.port, work), CLIENTS, SECONDS) for _ in range(ROUNDS)
    ]
    if any(load.errors for load in loads):
        raise SystemExit(f"{work.model}: {max(load.errors for load in loads)} errors")
    middle = sorted(loads, key=lambda load: load.rate)[ROUNDS // 2]
    return {"rate": middle.rate, "p50": 1e3 * middle.p50, "p99": 1e3 * middle.p99}


def _closing(server: Server, work: Workload) -> float:
    """Return requests a second with a connection for each."""
    asked = server.kind.requests(server.port, work)
    closing = Requests(asked.url, {**asked.headers, "Connection": "close"}, asked.bodies)
    return drive(closing, CLIENTS, SECONDS).rate


def _scored(work: Workload) -> float:
    many = 400 if work.model == "imagenet" else 4_000
    with tempfile.TemporaryDirectory() as folder:
        command = Command(work, Path(folder), many)
        command.rate()  # reads the files for the first time
        return _median(command.rate)


def _trained() -> dict[str, float]:
    import torch

    from benchmarks.training import loops

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    found = {}
    for name, task in loops.tasks().items():
        loops.ours(task)  # the first steps import and allocate
        found[name] = _median(partial(loops.ours, task))
    return found

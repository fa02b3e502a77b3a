"""The whole service on a GPU and on the CPU of the same machine, under load."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline
from app.registry import SHIPPED
from app.runtime.providers import Device
from benchmarks import machine
from benchmarks.load import drive
from benchmarks.models import workload
from benchmarks.servers import Server, Thalamus, start

MODELS = ("large", "small")
CLIENTS = (1, 32, 256)
DECODED = 256  # pictures, to time decoding alone


def kinds(device: Device) -> Mapping[str, Mapping[str, str]]:
    """Return the settings that are compared."""
    one = {"THALAMUS_DEVICE": device, "THALAMUS_WORKERS": "1"}
    return {
        "CPU, a worker a core": {"THALAMUS_DEVICE": "cpu"},
        "GPU, one worker": one,
        "GPU, one worker, batches to 256": one | {"THALAMUS_MAX_BATCH": "256"},
        "GPU, one worker, CUDA graphs": one | {"THALAMUS_CUDA_GRAPHS": "true"},
        "GPU, four workers": one | {"THALAMUS_WORKERS": "4"},
    }


def table(device: Device, seconds_: float) -> Iterator[str]:
    """Yield a row for each kind, model and number of clients."""
    heads = ("req/s", "p50, ms", "p99, ms", "errors", "cores", "GPU busy, %")
    yield f"| model | service | clients | {' | '.join(heads)} |"
    yield "|---" * 9 + "|"
    for place, (name, settings) in enumerate(kinds(device).items()):
        server = start(Thalamus(f"gpu-{place}", settings=settings), workload("small"))
        yield f"| | {name}: ready after {server.ready_after:.1f} s | | | | | | | |"
        try:
            for model in MODELS:
                drive(server.kind.requests(server.port, workload(model)), CLIENTS[-1], 1)  # warm
                for clients in CLIENTS:
                    cells = _cells(server, model, clients, seconds_)
                    yield f"| {model} | {name} | {clients} | {cells} |"
        finally:
            server.stop()


def _cells(server: Server, model: str, clients: int, seconds_: float) -> str:
    before, since = machine.cpu(server.process.pid), time.perf_counter()
    with _busy() as busy:
        load = drive(server.kind.requests(server.port, workload(model)), clients, seconds_)
    cores = (machine.cpu(server.process.pid) - before) / (time.perf_counter() - since)
    figures = (f"{load.rate:,.0f}", f"{1000 * load.p50:.1f}", f"{1000 * load.p99:.1f}")
    gpu = f"{median(busy):.0f}" if busy else "?"
    return " | ".join((*figures, str(load.errors), f"{cores:.1f}", gpu))


@contextmanager
def _busy() -> Iterator[list[float]]:
    """Collect the percentages of time in which the GPU was busy during the context."""
    found: list[float] = []
    command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        process = subprocess.Popen(
            [*command, "-lms", "200"], stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL
        )
    except OSError:  # no such program
        yield found
        return
    try:
        yield found
    finally:
        process.terminate()
        printed, _ = process.communicate()
        found += [float(line) for line in printed.split() if line.isdigit()]


def decoding() -> Iterator[str]:
    """Yield the number of pictures that one process decodes without HTTP and without a graph."""
    yield "\n| pictures a second | one thread | a thread a core |"
    yield "|---|---|---|"
    for model in MODELS:
        work = workload(model)
        payloads = [
            Payload(work.payloads[place % len(work.payloads)], work.media_type)
            for place in range(DECODED)
        ]
        rates = []
        for threads in (1, len(os.sched_getaffinity(0))):
            pipeline = Pipeline(read_bundle(work.bundle, SHIPPED), threads=threads)
            [pipeline.encoder.encode(payload) for payload in payloads]
            since = time.perf_counter()
            [pipeline.encoder.encode(payload) for payload in payloads]
            rates.append(f"{DECODED / (time.perf_counter() - since):,.0f}")
        yield f"| {model} | {' | '.join(rates)} |"

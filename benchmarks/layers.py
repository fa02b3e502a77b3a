"""The processor time of a request by layer: the model, the pipeline, HTTP, the rest.

Unlike the time on the clock, processor time does not depend on other work on the machine.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline, make_items
from app.registry import SHIPPED
from benchmarks import machine
from benchmarks.forms import Form, Requests, raw
from benchmarks.limit import cost
from benchmarks.load import drive
from benchmarks.models import Workload, workload
from benchmarks.servers import ROOT, Kind, Server, Thalamus, start

MODELS = ("large", "small", "text", "audio")
TOGETHER = 16  # that wait in each of two workers when 32 clients make_items
BULK = "decode and run in bulk: the limit"
BATCH = f"pipeline, the {TOGETHER} that wait"
LONE = "pipeline, one alone"
LAYERS = (
    BULK,
    BATCH,
    LONE,
    "bare uvicorn, 32 clients",
    "service, 32 clients",
    "bare uvicorn, 1 client",
    "service, 1 client",
)


@dataclass(frozen=True)
class Bare:
    """uvicorn with an application that does nothing."""

    name: str = "bare uvicorn"

    def command(self, port: int) -> Sequence[str]:
        """One process."""
        options = ["--port", str(port), "--lifespan", "off", "--no-access-log"]
        return [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", *options]

    def environment(self, port: int, work: Workload) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def folder(self) -> Path:
        """Where Python finds `benchmarks`."""
        return ROOT

    def ready(self, port: int) -> str:
        """Any address."""
        return f"http://127.0.0.1:{port}/"

    def requests(self, port: int, work: Workload, form: Form = raw) -> Requests:
        """The same bodies."""
        return form(f"http://127.0.0.1:{port}/", work.media_type, work.payloads)


def measure(rounds: int, seconds: float) -> dict[str, dict[str, float]]:
    """Return processor seconds a request by layer and by model, the minimum of all rounds.

    The minimum counts, because other programs empty the caches and can only add time.
    """
    with ExitStack() as stack:
        servers = []
        for kind in (Bare(), Thalamus()):
            kinds: Kind = kind
            servers.append(start(kinds, workload("small")))
            stack.callback(servers[-1].stop)
        return {
            model: {
                layer: min(taken() for _ in range(rounds))
                for layer, taken in _layers(model, servers, seconds).items()
            }
            for model in MODELS
        }


def _layers(
    model: str, servers: Sequence[Server], seconds: float
) -> dict[str, Callable[[], float]]:
    work = workload(model)
    pipeline = Pipeline(read_bundle(work.bundle, SHIPPED))
    payloads = [Payload(data, work.media_type) for data in work.payloads] * TOGETHER
    found: dict[str, Callable[[], float]] = {
        BULK: partial(cost, model),
        BATCH: partial(_answering, pipeline, payloads, TOGETHER),
        LONE: partial(_answering, pipeline, payloads, 1),
    }
    for clients in (32, 1):
        for server in servers:
            name = server.kind.name if isinstance(server.kind, Bare) else "service"
            what = f"{name}, {clients} client{'s' * (clients > 1)}"
            found[what] = partial(_serving, server, work, clients, seconds)
    return found


def _answering(pipeline: Pipeline, payloads: Sequence[Payload], together: int) -> float:
    """Return the processor seconds of an item, in this process."""
    some = payloads[: max(TOGETHER, len(payloads) // TOGETHER)]
    pipeline.answer(make_items(some[:together], pipeline.task.options()))
    start = time.process_time()
    for place in range(0, len(some), together):
        pipeline.answer(make_items(some[place : place + together], pipeline.task.options()))
    return (time.process_time() - start) / len(some)


def _serving(server: Server, work: Workload, clients: int, seconds: float) -> float:
    """Return the processor seconds of a request, all processes of the server together."""
    before = machine.awake(server.process.pid)
    load = drive(server.kind.requests(server.port, work), clients, seconds)
    return (machine.awake(server.process.pid) - before) / load.requests


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Return the rows of a document."""
    rows = ["| µs of processor time a request | " + " | ".join(found) + " |"]
    rows.append("|---" * (1 + len(found)) + "|")
    for layer in LAYERS:
        cells = (f"{1e6 * layers[layer]:,.0f}" for layers in found.values())
        rows.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(rows)


def run(rounds: int, seconds: float) -> None:
    """Print the table."""
    print(table(measure(rounds, seconds)))

"""Serving on a cluster: what is lost when a replica is killed, and what Ray Serve's proxy costs."""

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.fleet.nodes import ray_cluster
from benchmarks.fleet.ray_service import RayService
from benchmarks.forms import Requests
from benchmarks.load import drive
from benchmarks.reliability.bundles import question, serve_copies
from benchmarks.reliability.client import Clients, tally
from benchmarks.reliability.promise import (
    Experiment,
    Figure,
    Promise,
    Scope,
    at_least,
    at_most,
    exactly,
)
from benchmarks.reliability.service import Launch, running, wait_until

_CLIENTS = 8
_MODEL = "digits"
# Two replicas of a model, which no node has room for both of.
_DEPLOYMENTS: Mapping[str, Mapping[str, Any]] = {
    "Thalamus": {"num_replicas": 1, "ray_actor_options": {"num_cpus": 0.2}},
    _MODEL: {"num_replicas": 2, "ray_actor_options": {"num_cpus": 0.6}},
}


def _kill(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        service = RayService(cluster, serve_copies(Path(name), _MODEL), _DEPLOYMENTS)
        service.deploy()
        before = service.replicas(_MODEL)
        with Clients(service.port, [question(_MODEL)], _CLIENTS) as clients:
            time.sleep(scope.choose(5.0, 3.0))
            os.kill(before[-1], signal.SIGKILL)
            killed = time.monotonic()
            back = wait_until(lambda: _is_back(service, before), 60, 0.2)
            time.sleep(max(0.0, scope.choose(20.0, 8.0) - (time.monotonic() - killed)))
        asked_again = len(service.logged("replica lost"))
        note = f"{tally(clients.outcomes())}; {asked_again} were in flight there, and asked again"
        yield "failed", Figure(clients.failed(), note)
        yield "back", Figure(back, "until two replicas answer again")


def _is_back(service: RayService, before: list[int]) -> bool:
    now = service.replicas(_MODEL)
    return len(now) == len(before) and set(now) != set(before) and service.running()


def _cost(scope: Scope) -> Iterator[tuple[str, Figure]]:
    asked = question(_MODEL)
    seconds, rounds = scope.choose(5.0, 3.0), scope.choose(3, 1)
    with tempfile.TemporaryDirectory() as name, ray_cluster() as cluster:
        models = serve_copies(Path(name), _MODEL)
        service = RayService(cluster, models, _DEPLOYMENTS)
        service.deploy()
        with running(Launch(models)) as plain:
            plain.wait_ready()
            ratios, alone = [], []
            for _ in range(rounds):
                of_ray, of_plain = (
                    [drive(_requests(port, asked), clients, seconds) for clients in (1, 16)]
                    for port in (service.port, plain.port)
                )
                alone.append((of_ray[0].p50 - of_plain[0].p50) * 1e3)
                ratios.append(of_ray[1].rate / of_plain[1].rate)
                rates = f"{of_ray[1].rate:,.0f} and {of_plain[1].rate:,.0f} requests a second"
    middle = sorted(ratios)[len(ratios) // 2]
    yield "rate", Figure(middle, f"{rates}, 16 clients, both on all cores")
    yield "latency", Figure(sorted(alone)[len(alone) // 2], "one client, median, beside the plain")


def _requests(port: int, asked: Any) -> Requests:
    url = f"http://127.0.0.1:{port}{asked.path}"
    return Requests(url, {"Content-Type": asked.media_type}, (asked.body,))


EXPERIMENTS = (
    Experiment(
        "serving/kill",
        (
            Promise("failed", "requests that failed when a replica was killed", exactly(0)),
            Promise("back", "time until it was replaced", at_most(60, "s"), timed=True),
        ),
        _kill,
    ),
    Experiment(
        "serving/cost",
        (
            Promise(
                "rate",
                "requests a second through Ray Serve, of those of the plain service",
                at_least(0.02),
                timed=True,
            ),
            Promise("latency", "what Ray Serve adds to a request", at_most(50, "ms"), timed=True),
        ),
        _cost,
    ),
)

"""What the service says of itself in `/metrics`, and requests that say something unusual."""

import gzip
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from benchmarks.reliability.bundles import digit, question, serve_copies
from benchmarks.reliability.client import ask, put
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, Skipped, exactly
from benchmarks.reliability.service import Launch, Service, running

_LONG = "9" * 4301  # digits: more than Python turns into a number


def _digits(folder: str) -> AbstractContextManager[Service]:
    return running(Launch(serve_copies(Path(folder), "digits")))


def _metrics(scope: Scope) -> Iterator[tuple[str, Figure]]:
    if shutil.which("promtool") is None:
        raise Skipped("promtool is not installed")
    with tempfile.TemporaryDirectory() as folder, _digits(folder) as service:
        before = ask(service.port, "GET", "/metrics").body
        for _ in range(5):
            put(service.port, digit())
        ask(service.port, "POST", "/v1/models/digits/classify", b"no picture")
        scraped = ask(service.port, "GET", "/metrics").body
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped, capture_output=True, check=False
    )
    said = (checked.stdout + checked.stderr).decode().strip().splitlines()
    complaints = len(said) if checked.returncode else 0
    yield "complaints", Figure(complaints, "; ".join(said[:2]))
    late = _names(scraped) - _names(before)
    yield "late", Figure(len(late), ", ".join(sorted(late)[:3]))


def _names(metrics: bytes) -> set[str]:
    """Return the names of the series, without their labels."""
    lines = metrics.decode().splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if line and not line.startswith("#")}


def _unusual(scope: Scope) -> Iterator[tuple[str, Figure]]:
    with tempfile.TemporaryDirectory() as folder:
        models = serve_copies(Path(folder), "digits", "spam")
        with running(Launch(models, {"WORKERS": "1"})) as service:
            paths = [f"/v1/models/digits/versions/{_LONG}", f"/v1/models/digits/{_LONG}"]
            paths += [f"{path}/classify" for path in paths]
            wrong = [
                f"{method} {reply.outcome}"
                for path in paths
                for method in ("GET", "PUT", "DELETE", "POST", "OPTIONS")
                if not (reply := ask(service.port, method, path)).is_problem
            ]
            yield "digits", Figure(len(wrong), ", ".join(wrong[:4]))
            plain = question("spam")
            usual = put(service.port, plain).body
            headers = {
                "Content-Type": "text/plain; charset=iso-8859-1",
                "Content-Encoding": "gzip",
            }
            packed = gzip.compress(plain.body)
            reply = ask(service.port, "POST", plain.path, packed, headers)
            same = reply.status == 200 and _label(reply.body) == _label(usual)
            fine = same or (reply.status == 415 and reply.is_problem)
            yield "gzip", Figure(int(not fine), reply.outcome)


def _label(answer: bytes) -> bytes:
    found = re.search(rb'"label": ?"[^"]*"', answer)
    return found[0] if found else b""


EXPERIMENTS = (
    Experiment(
        "trouble/metrics",
        (
            Promise("complaints", "complaints of promtool about /metrics", exactly(0)),
            Promise("late", "metrics that are not there from the start", exactly(0)),
        ),
        _metrics,
    ),
    Experiment(
        "trouble/unusual",
        (
            Promise("digits", "versions of 4,301 digits not refused with a problem", exactly(0)),
            Promise("gzip", "gzipped bodies neither decoded nor refused with 415", exactly(0)),
        ),
        _unusual,
    ),
)

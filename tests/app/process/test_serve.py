import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.factory import create_app
from app.in_flight import InFlight, WorkerGroup
from app.process import serve
from app.process.serve import run_worker, supervisor_policy
from app.settings import Settings


@pytest.fixture(autouse=True)
def _restore_the_signal_handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize(
    ("device", "index", "seen"),
    [("cuda", 3, "6"), ("auto", 3, "6"), ("cuda", 7, "6"), ("cpu", 3, "4,6")],
)
def test_a_worker_is_pinned_to_its_gpu_before_the_application_is_made(
    monkeypatch, device, index: int, seen: str
) -> None:
    def create_app(_settings: Settings, group: WorkerGroup) -> None:
        assert not group.all_ready()
        raise InterruptedError(os.environ["CUDA_VISIBLE_DEVICES"])

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    settings = Settings(models=Path(), device=device, workers=4)
    group = WorkerGroup(InFlight(8))
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(InterruptedError, match=f"^{seen}$"):
        run_worker(settings, create_app, group, theirs, index)


# `thalamus`, as where processes cannot be forked safely.
WITHOUT_FORK = """
import sys
from app.process import resources
resources.can_fork = lambda: False
from app.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "forks"), [(("-m", "app.cli"), True), (("-c", WITHOUT_FORK), False)]
)
def test_one_worker_serves_and_exits_with_0_on_sigterm(
    published: Path, program: tuple[str, str], forks: bool
) -> None:
    command = [sys.executable, *program, "serve", "--port", "0", "--workers", "1"]
    process = subprocess.Popen(
        [*command, "--models", str(published)], stderr=subprocess.PIPE, text=True
    )
    try:
        lines = (json.loads(line) for line in process.stderr)
        events = ((line["event"], line["pid"]) for line in lines)
        address = next(found[1] for text, _ in events if (found := re.search("on (http.*)", text)))
        worker = next(pid for text, pid in events if text == "model ready")
        assert (worker != process.pid) == forks
        assert httpx.get(f"{address}/livez", timeout=20).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_version_can_be_tried_while_the_file_of_keys_is_gone(published: Path, tmp_path) -> None:
    settings = Settings(models=published, device="cpu", keys_file=tmp_path / "gone")
    serve._prove(settings, create_app)(published / "moods" / "1", None)


@pytest.mark.parametrize("files", [24, 48, 120, 1024, 8192, 2**20])
def test_the_limit_of_connections_is_below_the_capacity_of_the_supervisor(
    monkeypatch, files
) -> None:
    monkeypatch.setattr(serve, "_raise_file_limit", lambda: files)
    settings = Settings(models=Path())
    limits, capacity = serve._limits(settings), supervisor_policy(settings).capacity
    assert limits.connections < limits.most <= capacity < files
    assert limits.connections <= settings.max_connections

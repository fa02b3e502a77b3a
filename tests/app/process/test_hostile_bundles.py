"""A service whose folder holds bundles that crash the code that loads them, or keep it busy."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from app.bundle import publish
from app.modalities.text.spec import TextSpec
from tests import fakes
from tests.app.process.test_supervisor import TEXT, until
from tests.language_graphs import text_graph

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked")
ROOT = Path(__file__).parents[3]

# A service whose encoder of texts does what a text says, as a graph may in native code.
SERVICE = """
import os, signal, sys
from dataclasses import replace
from app.bundle import Registry
from app.cli import main
from app.modalities import MODALITIES
from app.modalities.text import TEXT
from app.modalities.text.encoder import TextEncoder
from app.tasks import TASKS

class Obedient(TextEncoder):
    def encode(self, payload):
        if b"crash" in payload.data:
            os.kill(os.getpid(), signal.SIGSEGV)
        while b"spin" in payload.data:
            pass
        return super().encode(payload)

registry = Registry(TASKS, {**MODALITIES, "text": replace(TEXT, encoder=Obedient)})
sys.exit(main(["serve", "--port", "0", "--load-timeout", "2", *sys.argv[1:]], lambda: registry))
"""


def publish_hostile(name: str, what: bytes, root: Path) -> None:
    """Publish a model whose first golden case is a text that the service's encoder obeys."""
    files = {
        "model.onnx": text_graph(len(fakes.WORDS) + 1),
        "tokenizer.json": fakes.tokenizer(),
    }
    spec = TextSpec(max_tokens=16, tail_tokens=4)
    cases = {"case.txt": (what, "text/plain")}
    publish(fakes.seal_bundle(name, spec, fakes.MOODS, files, cases), root)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_bundle_that_crashes_or_hangs_hurts_nobody(tmp_path: Path, workers: str) -> None:
    publish(fakes.text_bundle(), tmp_path)
    publish_hostile("crashing", b"crash", tmp_path)
    publish_hostile("hanging", b"spin", tmp_path)
    (tmp_path / "piped" / "1").mkdir(parents=True)
    os.mkfifo(tmp_path / "piped" / "1" / "manifest.json")
    command = [sys.executable, "-c", SERVICE, "--models", str(tmp_path), "--workers", workers]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (tmp_path / "log").open("w") as log:
        service = subprocess.Popen(command, stderr=log, env=environment)
    try:
        until(lambda: "running on" in (tmp_path / "log").read_text())
        url = re.search(r"running on (http[^\"]*)", (tmp_path / "log").read_text())[1]
        until(lambda: httpx.get(f"{url}/readyz", timeout=20).status_code == 200)
        publish(fakes.text_bundle("later"), tmp_path)
        for name in ("moods", "later"):
            path = f"{url}/v1/models/{name}/classify"
            assert httpx.post(path, content=b"good", headers=TEXT, timeout=20).status_code == 200
        states = httpx.get(f"{url}/readyz").json()["models"]
        failed = {"crashing/1": "failed", "hanging/1": "failed", "piped/1": "failed"}
        assert states == {"later/1": "ready", "moods/1": "ready", **failed}
        [crashed] = httpx.get(f"{url}/v1/models/crashing").json()["versions"]
        assert "crashed the process that tried it (SIGSEGV)" in crashed["reason"]
        service.send_signal(signal.SIGTERM)
        assert service.wait(20) == 0
    finally:
        service.kill()
        service.wait()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert "worker died" not in {line["event"] for line in lines}

"""A service whose folder holds bundles that crash the code that loads them, or keep it busy."""

import os
import signal
from pathlib import Path

import httpx
import pytest

from app.bundle import publish
from app.modalities.text.spec import TextSpec
from tests import fakes
from tests.app.process.services import Service, until
from tests.app.process.test_supervisor import TEXT
from tests.language_graphs import text_graph

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="trials are forked"),
]


def publish_hostile(name: str, what: bytes, root: Path) -> None:
    """Publish a model whose first golden case is a text that `obedient_service` obeys."""
    files = {
        "model.onnx": text_graph(len(fakes.WORDS) + 1),
        "tokenizer.json": fakes.tokenizer(),
    }
    spec = TextSpec(max_tokens=16, tail_tokens=4)
    cases = {"case.txt": (what, "text/plain")}
    publish(fakes.seal_bundle(name, spec, fakes.MOODS, files, cases), root)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bundle_that_crashes_or_hangs_hurts_nobody(tmp_path: Path, workers: int) -> None:
    publish(fakes.text_bundle(), tmp_path)
    publish_hostile("crashing", b"crash", tmp_path)
    publish_hostile("hanging", b"spin", tmp_path)
    (tmp_path / "piped" / "1").mkdir(parents=True)
    os.mkfifo(tmp_path / "piped" / "1" / "manifest.json")
    settings = {"models": tmp_path, "port": 0, "load_timeout": 2, "workers": workers}
    service = Service("tests.app.process.obedient_service", **settings)
    try:
        until(service.is_ready)
        publish(fakes.text_bundle("later"), tmp_path)
        for name in ("moods", "later"):
            url = f"{service.url}/v1/models/{name}/classify"
            assert httpx.post(url, content=b"good", headers=TEXT, timeout=20).status_code == 200
        states = service.get("/readyz").json()["models"]
        failed = {"crashing/1": "failed", "hanging/1": "failed", "piped/1": "failed"}
        assert states == {"later/1": "ready", "moods/1": "ready", **failed}
        [crashed] = service.get("/v1/models/crashing").json()["versions"]
        assert "crashed the process that tried it (SIGSEGV)" in crashed["reason"]
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
        assert service.logged("worker died") == []
    finally:
        service.end()

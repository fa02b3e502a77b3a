"""A browser, and two services for it: one with shipped models, one with fakes that wants a key."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.bundle import publish
from app.bundle.publish import seal
from tests import fakes
from tests.app.api.keys import PREDICT, write_keys
from tests.page.chromium import PROGRAM, Chromium, chromium

SHIPPED = Path(__file__).parents[2] / "models"
SERVED = ("digits", "digits-autoencoder", "imagenet", "listops", "spam", "spoken-digits")
SERVED += ("completion",)
HOSTILE = """# colours

**Right <b onclick=alert(1)>always</b>**

<script>window.broken = 1</script>
<img src=x onerror="window.broken = 1">
[a link](javascript:window.broken=1) and ![a picture](../../../docs)
| a | b |
| --- | --- |
| <i>x</i> | `y` |
"""


@pytest.fixture(scope="session", autouse=True)
def _needs_a_browser() -> None:
    if PROGRAM is None:
        pytest.skip("there is no Chromium on this machine (Debian's package: chromium)")


@contextmanager
def serving(models: Path, more: Mapping[str, str]) -> Iterator[str]:
    """Serve a folder in a process of its own, and give its address when all models answer."""
    environment = os.environ | {"THALAMUS_DEVICE": "cpu", "THALAMUS_WORKERS": "1", **more}
    command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--models", str(models)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stderr is not None
    try:
        found = None
        while found is None:
            line = process.stderr.readline()
            assert line, "the server ended"
            found = re.search(r"running on (http://[\d.:]+)", json.loads(line)["event"])
        while httpx.get(f"{found[1]}/readyz", timeout=60).status_code != 200:
            time.sleep(0.1)
        yield found[1]
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Shipped models; of `digits` two versions that answer alike."""
    folder = tmp_path_factory.mktemp("shipped")
    for name in SERVED:
        shutil.copytree(SHIPPED / name, folder / name)
    second = Path(shutil.copytree(folder / "digits/1", folder / "digits/2"))
    manifest = json.loads((second / "manifest.json").read_text())
    (second / "manifest.json").write_text(json.dumps(manifest | {"version": 2}))
    with serving(folder, {}) as address:
        yield address


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Fakes that want a key: a classifier with a hostile card, and a task without a view."""
    folder = tmp_path_factory.mktemp("fakes")
    bundle = fakes.image_bundle()
    publish(
        seal(bundle.manifest, {**bundle.files, "README.md": HOSTILE.encode()}, bundle.registry),
        folder,
    )
    publish(fakes.embedding_bundle(), folder)
    keys = write_keys(folder.parent / "page-keys.jsonl", PREDICT)
    with serving(folder, {"THALAMUS_KEYS_FILE": str(keys)}) as address:
        yield address


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    sound = SHIPPED / "spoken-digits/1/golden/seven.wav"
    profile = tmp_path_factory.mktemp("profile")
    with chromium(profile, f"--use-file-for-fake-audio-capture={sound}") as browser:
        yield browser


@pytest.fixture
def browser(started: Chromium) -> Iterator[Chromium]:
    """A browser that has reported no error, and has none after the test."""
    started.look(1280, 800)
    started.errors.clear()
    started.requested.clear()
    yield started
    assert started.errors == []
    started.call("Page.navigate", url="about:blank")

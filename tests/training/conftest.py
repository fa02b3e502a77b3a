"""What the training tests share."""

import os
from pathlib import Path

import pytest
import torch

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _one_processor():
    """A worker beside others keeps to one processor: their pools of threads would wait for turns.

    ONNX Runtime's threads spin while they wait, and take the processor from another worker's.
    """
    processors = sorted(os.sched_getaffinity(0))
    if worker_id := os.environ.get("PYTEST_XDIST_WORKER"):
        os.sched_setaffinity(0, {processors[int(worker_id.removeprefix("gw")) % len(processors)]})
    yield
    os.sched_setaffinity(0, processors)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Weights depend on the number of threads; the command's default is one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _nothing_named(monkeypatch: pytest.MonkeyPatch):
    """No data set of the developer's machine is found by accident."""
    monkeypatch.delenv("THALAMUS_DATA", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets, where this machine has them."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data sets are not on this machine")
    return folder


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    folder = tmp_path / "somewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def left_behind(folder: Path) -> list[str]:
    """Every path under a folder that need not exist."""
    return sorted(os.fspath(path.relative_to(folder)) for path in folder.rglob("*"))

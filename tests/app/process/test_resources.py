from pathlib import Path

import pytest

from app.process.resources import (
    WORKER_MEMORY,
    available_cpus,
    available_memory,
    default_workers,
    pin_to_gpu,
    visible_gpus,
)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("0", ["0"]),
        ("2,0", ["2", "0"]),
        (" 1 , 3 ", ["1", "3"]),
        ("GPU-8932f937,MIG-5c89", ["GPU-8932f937", "MIG-5c89"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),  # CUDA ignores the rest
    ],
)
def test_the_environment_names_the_gpus(said: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": said}, tmp_path) == expected


def test_without_the_variable_the_device_nodes_are_counted(tmp_path: Path) -> None:
    assert visible_gpus({}, tmp_path) == []
    for name in ("nvidia3", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == ["0", "1"], "CUDA counts from 0 whatever the nodes' names"


@pytest.mark.parametrize(("index", "expected"), [(0, "2"), (1, "5"), (2, "2")])
def test_each_worker_is_pinned_to_one_gpu(index: int, expected: str) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "2,5"}
    pin_to_gpu(index, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": expected}


def test_without_gpus_the_environment_stays() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    pin_to_gpu(1, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": ""}


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [
        ("cpu", "0,1", available_cpus()),
        ("cuda", "0,1,5", 3),
        ("auto", "0", 1),
        ("tensorrt", "", 1),  # there is one, without a device node of its own
    ],
)
def test_a_worker_for_each_gpu_or_core(monkeypatch, device, gpus: str, expected: int) -> None:
    monkeypatch.setattr("app.process.resources.cuda_present", lambda: True)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", gpus)
    assert default_workers(device, lambda: 2**40) == expected


@pytest.mark.parametrize(("quota", "expected"), [(1.0, 1), (0.5, 1), (1.9, 1), (None, None)])
def test_the_quota_limits_the_cpus(quota: float | None, expected: int | None) -> None:
    unlimited = available_cpus(lambda: None)
    assert available_cpus(lambda: quota) == (expected or unlimited)


def test_a_limit_is_the_memory_and_without_one_the_machines() -> None:
    machine = available_memory(lambda: None)
    assert available_memory(lambda: 2**28) == 2**28
    assert available_memory(lambda: 2**59) == machine


@pytest.mark.parametrize(("workers", "expected"), [(0.4, 1), (1, 1), (3.5, 3), (64, 16)])
def test_the_memory_bounds_the_workers(monkeypatch, workers: float, expected: int) -> None:
    monkeypatch.setattr("app.process.resources.available_cpus", lambda: 16)
    assert default_workers("cpu", lambda: int(workers * WORKER_MEMORY)) == expected

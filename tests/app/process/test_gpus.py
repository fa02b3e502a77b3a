from pathlib import Path

import pytest

from app.process.gpus import see_only, visible_gpus


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("0", ["0"]),
        ("2,0", ["2", "0"]),
        (" 1 , 3 ", ["1", "3"]),
        ("GPU-8932f937,MIG-5c89", ["GPU-8932f937", "MIG-5c89"]),
        ("", []),
        ("-1", []),
        ("0,-1,1", ["0"]),  # CUDA ignores what follows
    ],
)
def test_the_environment_says_which(said: str, expected: list[str], tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": said}, tmp_path) == expected


def test_else_the_drivers_nodes_are_counted(tmp_path: Path) -> None:
    assert visible_gpus({}, tmp_path) == []
    for name in ("nvidia3", "nvidia10", "nvidiactl", "nvidia-uvm", "nvidia-caps"):
        (tmp_path / name).touch()
    assert visible_gpus({}, tmp_path) == ["0", "1"], "CUDA counts from 0 whatever the nodes' names"


@pytest.mark.parametrize(("place", "expected"), [(0, "2"), (1, "5"), (2, "2")])
def test_each_worker_sees_one(place: int, expected: str) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "2,5"}
    see_only(place, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": expected}


def test_where_none_is_named_nothing_is_hidden() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    see_only(1, environment)
    assert environment == {"CUDA_VISIBLE_DEVICES": ""}

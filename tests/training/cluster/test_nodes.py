"""What a node must find before anything is trained, asked in this process as if it were one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import left_behind
from training.cluster.nodes import (
    Surroundings,
    check_room,
    checked_nodes,
    libraries,
    listing,
    object_to,
)
from training.errors import TrainingError


@dataclass(frozen=True)
class Machine:
    name: str
    cpus: float = 1.0
    gpus: float = 0.0


class Nodes:
    """A cluster of machines; `seen` is what each of them sees of the surroundings."""

    def __init__(self, *nodes: Machine, seen: Callable[[Surroundings], Surroundings]) -> None:
        self.nodes, self._seen = nodes, seen

    def on_each_node(self, function: Callable[..., Any], expected: Surroundings) -> list[Any]:
        first, *others = self.nodes
        here = (first, function(expected))
        return [here, *((each, function(self._seen(expected))) for each in others)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        (tmp_path / "data" / label / "1.txt").write_text(label)
    return tmp_path / "data"


def refused(data: Path, seen: Callable[[Surroundings], Surroundings]) -> str:
    models = data.parent / "models"
    cluster: Any = Nodes(Machine("10.0.0.1"), Machine("10.0.0.2"), seen=seen)
    with (
        pytest.raises(TrainingError) as refusal,
        checked_nodes(cluster, data, {"--models": models}),
    ):
        raise AssertionError("nothing may begin")
    assert "models" not in left_behind(data.parent)
    text = str(refusal.value)
    assert text.startswith("node 10.0.0.2: ")
    return text.removeprefix("node 10.0.0.2: ")


def test_nodes_that_see_the_same_are_taken(data: Path) -> None:
    cluster: Any = Nodes(Machine("a"), Machine("b"), seen=lambda expected: expected)
    with checked_nodes(cluster, data, {"--models": data.parent / "models"}):
        (data.parent / "models" / "x").mkdir(parents=True)
    assert left_behind(data.parent / "models") == ["x"]


def test_data_that_a_node_lacks(data: Path) -> None:
    other = data.parent / "elsewhere"
    said = refused(data, lambda expected: replace(expected, data=other))
    assert said == (
        f"it cannot read --data {other}: No such file or directory; put the data there on every "
        "node"
    )


def test_data_that_is_another_on_a_node(data: Path) -> None:
    def more(expected: Surroundings) -> Surroundings:
        (data / "cat" / "2.txt").write_text("cat")
        return expected

    assert refused(data, more) == f"--data {data} has other files there than here"


def test_a_folder_that_a_node_does_not_see(data: Path) -> None:
    gone = data.parent / "gone"
    said = refused(data, lambda expected: replace(expected, folders={"--models": gone}))
    assert said.startswith(f"it does not see --models {gone} as it is here (No such file")


def test_a_folder_of_the_same_name_on_another_disk(data: Path) -> None:
    own = data.parent / "own"
    own.mkdir()
    said = refused(data, lambda expected: replace(expected, folders={"--models": own}))
    assert said.startswith(f"it does not see --models {own} as it is here")


def test_a_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Surroundings(data, listing(data), {"--checkpoints": Path("/dev/full")}, "x", {})
    assert "it does not see --checkpoints /dev/full" in object_to(found)


def test_other_libraries_on_a_node(data: Path) -> None:
    said = refused(data, lambda expected: replace(expected, libraries={"torch": "0.1"}))
    assert said.startswith(f"expected torch 0.1 as here, got {libraries()['torch']}")


def test_a_table_is_known_by_its_size(data: Path) -> None:
    table = data / "table.csv"
    table.write_text("a,b")
    before = listing(table)
    assert listing(table) == before
    table.write_text("a,b,c")
    assert listing(table) != before


@pytest.mark.parametrize(
    ("workers", "threads", "nodes", "complaint"),
    [
        (2, 1, [Machine("a"), Machine("b")], None),
        (3, 1, [Machine("a"), Machine("b")], "the cluster has 2 CPUs on 2 nodes, room for 2"),
        (2, 2, [Machine("a", 3), Machine("b", 1)], "room for 1"),
        (2, 1, [Machine("a", 8, 1)], "2 workers need a GPU each; the cluster has 1"),
        (2, 1, [Machine("a", 8, 1), Machine("b", 8, 1)], None),
    ],
)
def test_workers_that_would_wait_for_ever_are_refused(
    workers: int, threads: int, nodes: list[Machine], complaint: str | None
) -> None:
    cluster: Any = Nodes(*nodes, seen=lambda expected: expected)
    if complaint is None:
        check_room(cluster, workers, threads)
        return
    with pytest.raises(TrainingError, match=complaint):
        check_room(cluster, workers, threads)

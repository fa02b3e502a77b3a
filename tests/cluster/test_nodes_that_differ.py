"""A node that has other files than the command is named, and nothing is written."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.fleet.nodes import RayCluster, ray_cluster
from tests import media
from tests.cluster.conftest import Predict, one_line

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="another view of the files needs root"),
]


@dataclass(frozen=True)
class Folders:
    """Of the command, and what the node sees in place of the first two."""

    models: Path
    pictures: Path
    altered: Path
    nothing: Path

    def mounts(self) -> str:
        """Return the commands of a shell that give it its own view."""
        views = ((self.altered, self.models), (self.nothing, self.pictures))
        return " && ".join(f"mount --bind {seen} {place}" for seen, place in views)


@pytest.fixture(scope="module")
def folders(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("views")
    found = Folders(*(root / name for name in ("models", "pictures", "altered", "nothing")))
    shutil.copytree(published, found.models)
    shutil.copytree(published, found.altered)
    graph = found.altered / "colours" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"\0")
    found.pictures.mkdir()
    (found.pictures / "a.png").write_bytes(media.picture())
    found.nothing.mkdir()
    return found


@pytest.fixture(scope="module")
def cluster(folders: Folders) -> Iterator[RayCluster]:
    """Two nodes, of which the one with the name `other` has its own view of the folders."""
    own_view = ["unshare", "--mount", "--propagation", "private"]
    own_view += ["sh", "-c", f'{folders.mounts()} && exec "$@"', "-"]
    with ray_cluster(1) as started:
        started.add_node(options=("--node-name=other",), before=own_view)
        yield started


def test_an_altered_bundle(
    cluster: RayCluster, predict: Predict, folders: Folders, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    given = (folders.models / "colours", folders.pictures, "--out", out)
    line = one_line(predict(*given, "--on", cluster.client))
    assert "(other): colours/1: model.onnx was altered" in line
    assert not out.exists()


def test_missing_files(
    cluster: RayCluster, predict: Predict, published: Path, folders: Folders, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    given = (published / "colours", folders.pictures, "--out", out)
    line = one_line(predict(*given, "--on", cluster.client))
    assert "(other): " in line and "is not there as it is here" in line
    assert not out.exists()

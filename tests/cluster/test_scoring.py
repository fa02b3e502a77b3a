"""`thalamus predict --on`: the rows of one machine, and one line for whatever is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fleet.nodes import RayCluster
from tests import media
from tests.cluster.conftest import ROOT, Predict, one_line, rows_of

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return media.write_pictures(tmp_path / "pictures", 40, bad=7)


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_folder_has_the_rows_of_one_machine(
    cluster: RayCluster, predict: Predict, published: Path, pictures: Path, suffix: str
) -> None:
    alone, out = pictures.with_name(f"alone.{suffix}"), pictures.with_name(f"out.{suffix}")
    given = (published / "colours", pictures)
    assert predict(*given, "--out", alone)[0] == 1
    status, _, err = predict(*given, "--out", out, "--on", cluster.client)
    assert (status, err) == (1, "thalamus: 1 of 40 could not be answered; their rows say why\n")
    if suffix == "csv":
        assert len(out.read_text().splitlines()) == 41
        assert out.read_text().splitlines()[0] == alone.read_text().splitlines()[0]
        return
    expected = rows_of(alone)
    for row, wanted in zip(rows_of(out), expected, strict=True):
        assert row.keys() == wanted.keys()
        assert row["file"] == wanted["file"]
        assert row.get("error") == wanted.get("error")
        assert row.get("label") == wanted.get("label")
        assert row.get("probability") == pytest.approx(wanted.get("probability"), abs=1e-5)


def test_tables_are_resumed_on_a_cluster(
    cluster: RayCluster, predict: Predict, published: Path, tmp_path: Path
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = tmp_path / "texts.parquet"
    texts = [f"good day {number}" for number in range(500)]
    parquet.write_table(pyarrow.table({"text": texts}), table)
    given = (published / "moods", table, "--text-column", "text")
    whole, out = tmp_path / "whole.jsonl", tmp_path / "out.jsonl"
    assert predict(*given, "--out", whole)[0] == 0
    lines = whole.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(lines[:123]) + lines[123][:40])
    status, _, err = predict(*given, "--out", out, "--resume", "--on", cluster.client)
    assert (status, "half written" in err) == (0, True), err
    assert [row["row"] for row in rows_of(out)] == list(range(1, 501))
    assert out.read_bytes().startswith(b"".join(lines[:123])), "what was there is not scored again"
    done = out.read_bytes()
    assert predict(*given, "--out", out, "--resume", "--on", cluster.client)[0] == 0
    assert out.read_bytes() == done


def test_mistakes_are_one_line_before_anything_is_written(
    cluster: RayCluster, predict: Predict, published: Path, pictures: Path
) -> None:
    out = pictures.with_name("out.jsonl")
    given = (published / "colours", pictures, "--out", out)
    wrong = cluster.client.replace(str(cluster.client_port), "1")
    assert "no cluster is there" in one_line(predict(*given, "--on", wrong))
    head = cluster.client.replace(str(cluster.client_port), str(cluster.port))
    assert "is not Ray's port for clients" in one_line(predict(*given, "--on", head))
    line = one_line(predict(*given, "--on", cluster.client, RAY_AUTH_TOKEN="f" * 64))
    assert "it wants another token" in line
    given = (published / "moods", "-", "--text-column", "text", "--on", cluster.client)
    assert "other machines do not have" in one_line(predict(*given))
    assert not out.exists()


def test_a_full_disk_is_one_line(
    cluster: RayCluster, published: Path, pictures: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "app.cli", "predict", str(published / "colours")]
    command += [str(pictures), "--on", cluster.client, "--out", "/dev/full"]
    done = subprocess.run(
        command, cwd=ROOT, env=cluster.environment, capture_output=True, text=True, check=False
    )
    line = one_line((done.returncode, done.stdout, done.stderr))
    assert "cannot write the answers to /dev: No space left on device" in line


def test_nothing_leaves_the_machine(cluster: RayCluster) -> None:
    """Ray says that it reports no usage, and its own record of it is not written."""
    log = cluster.nodes[0].log.read_text()
    assert "Usage stats collection is disabled" in log
    assert not list(cluster.folder.rglob("usage_stats.json"))

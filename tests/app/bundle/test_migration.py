"""The migration rewrites the manifest only, completely or not at all."""

import json
import shutil
from pathlib import Path

import pytest

from app.bundle import publish, read_bundle
from app.bundle.migration import migrate
from app.cli import main
from app.registry import SHIPPED
from tests import fakes

REPOSITORY = Path(__file__).resolve().parents[3]


def as_version_1(folder: Path) -> None:
    """Rewrite the manifest of a bundle in schema version 1."""
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    for name in ("data_path", "start", "source"):
        del document["provenance"][name]
    document["provenance"]["recipe"] = "toy --start features --from digits/1"
    path.write_text(json.dumps(document | {"schema_version": 1}))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = publish(fakes.image_bundle(), tmp_path)
    as_version_1(found)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_migrate_rewrites_the_manifest_only(folder: Path) -> None:
    bundle, before = read_bundle(folder, SHIPPED), contents(folder)
    assert migrate(folder, SHIPPED)
    after = contents(folder)
    assert read_bundle(folder, SHIPPED).manifest == bundle.manifest
    assert {name for name in before | after if before.get(name) != after.get(name)} == {
        "manifest.json"
    }
    document = json.loads(after["manifest.json"])
    assert document["schema_version"] == 2
    assert document["provenance"]["source"] == "digits/1"
    assert not migrate(folder, SHIPPED)  # it is current now
    assert contents(folder) == after


def test_migrate_refuses_an_altered_bundle(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "model.onnx").write_bytes(b"altered")
    before = contents(folder)
    assert main(["migrate", str(folder)]) == 1
    assert "model.onnx was altered" in capsys.readouterr().out
    assert contents(folder) == before


def test_migrate_keeps_a_shipped_bundle_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "digits" / "1"
    shutil.copytree(REPOSITORY / "models" / "digits" / "1", folder)
    bundle = read_bundle(folder, SHIPPED)
    assert main(["migrate", str(folder)]) == 0
    assert read_bundle(folder, SHIPPED).manifest == bundle.manifest
    assert capsys.readouterr().out.startswith("digits/1")


def test_migrate_goes_on_after_a_bundle_that_it_cannot_read(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "aaa" / "1").mkdir(parents=True)
    (tmp_path / "aaa" / "1" / "manifest.json").write_text("{}")
    assert main(["migrate", str(tmp_path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("aaa/1\tleft alone") and lines[1] == "colours/1\trewritten"


def test_migrate_writes_through_no_link(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder.parent / ".1-manifest.json").symlink_to(victim)
    assert migrate(folder, SHIPPED)
    assert victim.read_text() == "mine" and not (folder / "manifest.json").is_symlink()

import json
from pathlib import Path

import pytest

from app.bundle import read_bundle
from app.errors import InvalidBundle
from app.registry import SHIPPED


@pytest.fixture
def folder(models: Path) -> Path:
    return models / "colours" / "1"


def refused(folder: Path, message: str) -> None:
    with pytest.raises(InvalidBundle, match=message):
        read_bundle(folder, SHIPPED)


def test_flipped_bit_in_any_file_is_refused(folder: Path) -> None:
    names = [p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"]
    assert len(names) == 4
    for path in names:
        sound = path.read_bytes()
        for place in (0, len(sound) // 2, len(sound) - 1):
            altered = bytearray(sound)
            altered[place] ^= 1
            path.write_bytes(altered)
            refused(folder, "was altered")
        path.write_bytes(sound)
    read_bundle(folder, SHIPPED)


@pytest.mark.parametrize("name", ["model.onnx", "golden/cases.json", "golden/red.png"])
def test_missing_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder, f"missing or unexpected files: {name}")


@pytest.mark.parametrize("name", ["notes.txt", "golden/extra.png", ".hidden"])
def test_unnamed_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("extra")
    refused(folder, "missing or unexpected files")


def test_version_in_the_wrong_folder_is_refused(folder: Path) -> None:
    refused(folder.rename(folder.with_name("2")), "the folder says otherwise")


def test_model_in_the_wrong_folder_is_refused(folder: Path, models: Path) -> None:
    (models / "other").mkdir()
    refused(folder.rename(models / "other" / "1"), "the folder says otherwise")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000, b'{"name": "\\ud800"}']
)
def test_unreadable_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / "manifest.json").write_bytes(content)
    refused(folder, "manifest.json")


def test_missing_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    refused(folder, "no readable manifest.json")


def test_folder_named_like_the_manifest_is_refused(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    (folder / "manifest.json").mkdir()
    refused(folder, "no readable manifest.json")


def test_manifest_error_names_the_field(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["encoder"]["heigth"] = 3
    (folder / "manifest.json").write_text(json.dumps(manifest))
    refused(folder, "encoder.heigth")


def test_manifest_with_a_path_outside_its_folder_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["../../moods/1/model.onnx"] = "0" * 64
    (folder / "manifest.json").write_text(json.dumps(manifest))
    refused(folder, "missing or unexpected files")

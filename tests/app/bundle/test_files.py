import json
import os
import resource
from pathlib import Path

import pytest

from app.bundle import read_bundle
from app.bundle.files import manifest_digest, sha256
from app.errors import InvalidBundle, UnreadableBundle
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


@pytest.mark.parametrize("name", ["notes.txt", "golden/extra.png"])
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


@pytest.mark.parametrize(
    "name", [".DS_Store", "._manifest.json", "golden/._cases.json", "golden/.ipynb_checkpoints/x"]
)
def test_hidden_files_of_a_bundle_are_ignored(folder: Path, name: str) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("left by a file manager")
    (folder / "lost+found").mkdir()
    read_bundle(folder, SHIPPED)


def test_a_projected_volume_is_read(folder: Path) -> None:
    """Kubernetes puts the files into a dated folder, and links to them by way of `..data`."""
    dated = folder / "..2026_01_01"
    dated.mkdir()
    names = [path.name for path in folder.iterdir() if path != dated]
    for name in names:
        (folder / name).rename(dated / name)
    (folder / "..data").symlink_to(dated.name)
    for name in names:
        (folder / name).symlink_to(f"..data/{name}")
    assert (folder / "golden").is_symlink()
    read_bundle(folder, SHIPPED)


def test_a_folder_that_links_to_itself_is_refused(folder: Path) -> None:
    for name in ("again", "golden/up"):
        (folder / name).symlink_to(folder)
    refused(folder, "has it a circle")


FILES = ["manifest.json", "model.onnx", "golden/cases.json", "golden/red.png"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "circle", "socket"])
def test_a_fifo_device_folder_socket_or_loop_in_a_bundle_is_refused_at_once(
    folder: Path, name: str, kind: str
) -> None:
    (folder / name).unlink()
    if kind == "fifo":
        os.mkfifo(folder / name)
    elif kind == "device":
        (folder / name).symlink_to("/dev/zero")
    elif kind == "folder":
        (folder / name).mkdir()
    elif kind == "socket":
        os.mknod(folder / name, 0o140600)
    else:
        (folder / name).symlink_to(name.rpartition("/")[2])
    with pytest.raises(InvalidBundle) as caught:
        read_bundle(folder, SHIPPED)
    assert name in str(caught.value)
    assert not isinstance(caught.value, UnreadableBundle), "it would be tried again and again"


def test_an_additional_fifo_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    refused(folder, "unexpected files: pipe")


@pytest.mark.parametrize("name", FILES)
def test_an_absurdly_large_file_is_refused_unread(folder: Path, name: str) -> None:
    os.truncate(folder / name, 2**40)
    refused(folder, f"no readable {name} \\(1099511627776 bytes, the limit is")


def test_a_file_that_cannot_be_read_now_is_no_fault_of_the_bundle(folder: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(UnreadableBundle, match=r"manifest.json \(Too many open files\)"):
            read_bundle(folder, SHIPPED)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_only_the_expected_content_is_read(folder: Path) -> None:
    digest = manifest_digest(folder)
    assert digest == sha256((folder / "manifest.json").read_bytes())
    read_bundle(folder, SHIPPED, digest)
    with pytest.raises(UnreadableBundle, match="has changed meanwhile"):
        read_bundle(folder, SHIPPED, sha256(b"another"))

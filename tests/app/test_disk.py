"""A file that cannot be written: one error that says what, where and what to do; nothing half."""

import errno
import os
import stat
from pathlib import Path

import pytest

from app.disk import refused_by_disk, replace_file, replace_private, writing
from app.errors import NotWritten

REFUSALS = {
    errno.ENOSPC: "No space left on device; free some space there, or ",
    errno.EDQUOT: "Disk quota exceeded; free some space there, or ",
    errno.EACCES: "Permission denied; make it writable, or ",
    errno.EROFS: "Read-only file system; make it writable, or ",
    errno.EIO: "Input/output error; check the disk, or ",
    errno.EFBIG: "File too large; ",
}


@pytest.mark.parametrize("number", REFUSALS)
def test_a_refusal_says_what_where_and_what_to_do(number: int) -> None:
    with (
        pytest.raises(NotWritten) as refusal,
        writing("the report", Path("full/folder"), "name another file with --report"),
    ):
        raise OSError(number, os.strerror(number), "full/folder/report.json.17.part")
    reason, _, advice = REFUSALS[number].partition("; ")
    assert str(refusal.value) == (
        f"cannot write the report to full/folder: {reason}; {advice}name another file with --report"
    )


def test_errors_of_a_network_are_not_the_disks() -> None:
    assert refused_by_disk(OSError(errno.ENOSPC, "full"))
    assert not refused_by_disk(ConnectionResetError(errno.ECONNRESET, "reset"))
    assert not refused_by_disk(TimeoutError("slow"))


def test_what_was_there_before_stays_when_a_write_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    replace_file(path, b"old")

    def refuse(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_leads_to_the_replaced_file_and_a_device_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    replace_file(tmp_path / "link", b"new")
    assert (tmp_path / "file").read_bytes() == b"new" and (tmp_path / "link").is_symlink()
    replace_file(Path(os.devnull), b"new")
    with pytest.raises(OSError, match="No space left"):
        replace_file(Path("/dev/full"), b"new")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_private_file_is_its_owners_and_one_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    before = os.umask(0)
    try:
        replace_private(path, b"new")
    finally:
        os.umask(before)
    assert (path.read_bytes(), mode(path)) == (b"new", 0o600)
    path.chmod(0o640)
    replace_private(path, b"newer")
    assert (path.read_bytes(), mode(path)) == (b"newer", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_private_file_that_was_there_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.touch()
    os.chown(path, 65532, 65533)
    replace_private(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (65532, 65533)


def test_a_private_file_is_not_written_through_a_link_or_to_a_pipe(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe"):
        with pytest.raises(OSError, match="no regular file"):
            replace_private(tmp_path / name, b"new")
    assert (tmp_path / "elsewhere").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 3


def test_a_private_file_stays_when_a_write_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys"
    replace_private(path, b"old")

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        replace_private(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])

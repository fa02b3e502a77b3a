"""A file that cannot be written: one error that says what, where and what to do; nothing half."""

import errno
import os
from pathlib import Path

import pytest

from app.disk import refused_by_disk, replace_file, writing
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

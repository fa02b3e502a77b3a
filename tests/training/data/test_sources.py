"""Finding and downloading files: from a real server on the loopback, which can break off."""

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.training.conftest import left_behind
from training.data.sources import CACHE, DataFile, locate
from training.errors import MissingData

CONTENT = bytes(range(256)) * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Site:
    """What the server does: how much it sends before it hangs up, and whether it knows ranges."""

    address: str = ""
    sends: int = len(CONTENT)
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            served.asked.append(wanted)
            start = int(wanted.split("=")[1].rstrip("-")) if wanted and served.ranges else 0
            if start >= len(CONTENT):
                return self.send_error(416)
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            return self.wfile.write(CONTENT[start : start + served.sends])  # then it hangs up

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    served.address = f"http://127.0.0.1:{server.server_port}/file.bin"
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


def source(site: Site, digest: str | None = DIGEST) -> DataFile:
    return DataFile("file.bin", site.address, digest)


def test_a_download_is_kept_and_not_repeated(site: Site, somewhere: Path):
    assert locate([source(site)], None) == [CACHE / "file.bin"]
    assert (somewhere / CACHE / "file.bin").read_bytes() == CONTENT
    assert locate([source(site)], None) == [CACHE / "file.bin"]
    assert site.asked == [None]
    assert left_behind(somewhere) == ["data", "data/file.bin"]


def test_a_broken_download_is_resumed_where_it_broke_off(site: Site, somewhere: Path):
    site.sends = 100_000
    for _ in range(2):
        with pytest.raises(MissingData, match="run the command again to resume"):
            locate([source(site)], None)
    locate([source(site)], None)
    assert (somewhere / CACHE / "file.bin").read_bytes() == CONTENT
    assert site.asked == [None, "bytes=100000-", "bytes=200000-"]


def test_a_server_without_ranges_starts_again(site: Site, somewhere: Path):
    site.sends = 100_000
    with pytest.raises(MissingData):
        locate([source(site)], None)
    site.sends, site.ranges = len(CONTENT), False
    locate([source(site)], None)
    assert (somewhere / CACHE / "file.bin").read_bytes() == CONTENT


def test_a_download_that_was_only_not_renamed_is_used(site: Site, somewhere: Path):
    (somewhere / CACHE).mkdir()
    (somewhere / CACHE / "file.bin.part").write_bytes(CONTENT)
    locate([source(site)], None)
    assert left_behind(somewhere) == ["data", "data/file.bin"]


def test_too_long_a_partial_file_is_removed(site: Site, somewhere: Path):
    (somewhere / CACHE).mkdir()
    (somewhere / CACHE / "file.bin.part").write_bytes(CONTENT + b"more")
    with pytest.raises(MissingData, match="sha256 differs"):
        locate([source(site)], None)
    assert left_behind(somewhere) == ["data"]


def test_another_file_than_the_pinned_one_is_removed(site: Site, somewhere: Path):
    with pytest.raises(MissingData, match="not the file that was pinned"):
        locate([source(site, "0" * 64)], None)
    assert left_behind(somewhere) == ["data"]


def test_without_a_connection_one_line_says_what_to_fetch_from_where(site: Site, somewhere: Path):
    nowhere = DataFile("file.bin", "http://127.0.0.1:9/file.bin", DIGEST)  # the discard port
    with pytest.raises(MissingData) as raised:
        locate([nowhere], None)
    text = str(raised.value)
    assert text.startswith("file.bin cannot be downloaded (")
    assert "fetch http://127.0.0.1:9/file.bin and name it with --data" in text
    assert "THALAMUS_DATA" in text and "\n" not in text


def test_a_file_without_a_pinned_digest_is_never_downloaded(site: Site, somewhere: Path):
    with pytest.raises(MissingData, match=f"fetch {site.address} and name it"):
        locate([source(site, None)], None)
    assert site.asked == []


FILES = [
    DataFile("20030228_spam.tar.bz2", "", None, alias="spam.tar.bz2"),
    DataFile("digits.gz", "", None),
]


def touch(*paths: Path) -> list[Path]:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return list(paths)


@pytest.mark.parametrize(
    ("spam", "digits"),
    [
        ("20030228_spam.tar.bz2", "digits.gz"),
        ("spam.tar.bz2", "digits"),
        ("corpus/spam.tar.bz2", "deeper/digits.gz"),
        ("spam", "corpus/digits"),
    ],
)
@pytest.mark.parametrize("said", ["given", "environment"])
def test_the_named_folder_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spam: str, digits: str, said: str
):
    expected = touch(tmp_path / spam, tmp_path / digits)
    if said == "environment":
        monkeypatch.setenv("THALAMUS_DATA", str(tmp_path))
    assert locate(FILES, tmp_path if said == "given" else None) == expected


def test_the_given_folder_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here, _ = touch(tmp_path / "here" / "digits.gz", tmp_path / "there" / "digits.gz")
    monkeypatch.setenv("THALAMUS_DATA", str(tmp_path / "there"))
    assert locate(FILES[1:], tmp_path / "here") == [here]


def test_the_given_archive_is_taken_as_it_is(tmp_path: Path):
    archive = touch(tmp_path / "anything.zip")[0]
    assert locate(FILES[1:], archive) == [archive]


def test_files_that_the_given_folder_lacks_are_named(tmp_path: Path):
    touch(tmp_path / "digits.gz")
    with pytest.raises(MissingData, match=r"holds no 20030228_spam\.tar\.bz2$"):
        locate(FILES, tmp_path)


def test_a_path_that_does_not_exist(tmp_path: Path):
    with pytest.raises(MissingData, match="nowhere does not exist"):
        locate(FILES, tmp_path / "nowhere")


def an_npm(folder: Path, script: str) -> str:
    """Return the folder of an `npm` that does what the script says."""
    folder.mkdir()
    program = folder / "npm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}:/usr/bin:/bin"


PACKAGE = DataFile("a-1.0.0.tgz", "npm:@some/a@1.0.0", DIGEST)


def test_files_of_npm_packages_are_fetched_by_npm(somewhere: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "content").write_bytes(CONTENT)
    script = f'[ "$5" = @some/a@1.0.0 ] && cp {tmp_path}/content "$4/some-a-1.0.0.tgz"'
    monkeypatch.setenv("PATH", an_npm(tmp_path / "bin", script))
    assert locate([PACKAGE], None)[0].read_bytes() == CONTENT


@pytest.mark.parametrize("script", ["exit 1", "exit 0", None])
def test_without_npm_one_line_says_what_to_fetch(
    somewhere: Path, tmp_path: Path, monkeypatch, script: str | None
):
    path = an_npm(tmp_path / "bin", script) if script else str(tmp_path)
    monkeypatch.setenv("PATH", path)
    with pytest.raises(MissingData, match=r"run `npm pack @some/a@1.0.0` and name it"):
        locate([PACKAGE], None)
    assert not list(somewhere.rglob("*.tgz"))

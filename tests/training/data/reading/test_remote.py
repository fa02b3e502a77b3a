"""Data of an address or of the hub, from a server of this machine."""

import gzip
import hashlib
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.training.data.reading.made import fill, found, load, pictures, table, zipped
from training.data.reading.remote import local
from training.errors import MissingData

TABLE = b"text,label\none,a\ntwo,b\n"
COMMIT = "0" * 40


class Site(BaseHTTPRequestHandler):
    """Files by their path; data sets as the hub has them, under `owner/name`."""

    def __init__(self, files: dict[str, bytes], *arguments: object) -> None:
        self.files = files
        super().__init__(*arguments)

    def do_HEAD(self) -> None:
        self.answer(head=True)

    def do_GET(self) -> None:
        self.answer(head=False)

    def answer(self, *, head: bool) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/api/datasets/owner/name"):
            siblings = [{"rfilename": name} for name in self.files if name.startswith("data/")]
            tree = [
                {"type": "file", "path": name, "size": len(self.files[name]), "oid": "0" * 40}
                for name in self.files
                if name.startswith("data/")
            ]
            info = {"id": "owner/name", "sha": COMMIT, "siblings": siblings}
            body = json.dumps(tree if "/tree/" in path else info).encode()
        else:
            body = self.files.get(
                path.removeprefix(f"/datasets/owner/name/resolve/{COMMIT}").lstrip("/")
            )
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if not head:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files() -> dict[str, bytes]:
    return {}


@pytest.fixture
def site(files: dict[str, bytes]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, files))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_address_is_downloaded_once(somewhere: Path, site: str, files: dict[str, bytes]):
    files["some/t.csv"] = TABLE
    path = local(Path(f"{site}/some/t.csv"))
    assert path.is_relative_to("data") and path.name == "t.csv"
    assert found(load(path)) == [("a", "one"), ("b", "two")]
    files.clear()
    assert local(Path(f"{site}/some/t.csv")) == path


def test_an_archive_of_an_address(
    somewhere: Path, tmp_path: Path, site: str, files: dict[str, bytes]
):
    archive = zipped(pictures(tmp_path / "f", "a", "b"), tmp_path / "x.zip")
    files["x.zip"] = archive.read_bytes()
    assert load(local(Path(f"{site}/x.zip?download=1"))).sha256 == load(archive).sha256


def test_an_address_that_does_not_answer_is_one_line(somewhere: Path, site: str):
    with pytest.raises(
        MissingData, match=r"t\.csv cannot be downloaded \(Not Found\): fetch http://"
    ):
        local(Path(f"{site}/t.csv"))
    with pytest.raises(MissingData, match="cannot be downloaded"):
        local(Path("http://127.0.0.1:1/t.csv"))
    assert not list(somewhere.rglob("*.csv"))


def test_a_data_set_of_the_hub(
    somewhere: Path, site: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", site)
    files |= {"data/train.csv": TABLE, "data/test.csv": b"text,label\nthree,a\n"}
    data = load(local(Path("hf://owner/name")))
    assert sorted((s.payload.data, s.fixed) for s in data.samples) == [
        (b"one", "train"),
        (b"three", "test"),
        (b"two", "train"),
    ]
    assert data.name == "name"


def test_a_hub_that_does_not_answer_is_one_line(
    somewhere: Path, site: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", site)
    with pytest.raises(MissingData, match=r"hf://owner/other cannot be downloaded from http://127"):
        local(Path("hf://owner/other"))
    with pytest.raises(MissingData, match="expected hf://OWNER/NAME"):
        local(Path("hf://owner"))


def test_what_is_here_is_not_looked_for_elsewhere(tmp_path: Path):
    assert local(tmp_path) == tmp_path
    assert local(tmp_path / "no") == tmp_path / "no"


def test_a_table_from_elsewhere_names_no_file_of_this_machine(
    somewhere: Path, site: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HF_ENDPOINT", site)
    here = fill(somewhere / "private", {"1.txt": "one", "2.txt": "two"})
    rows = f"file_name,label\n{here}/1.txt,a\n{here}/2.txt,b\n".encode()
    files |= {"t.csv": rows, "t.csv.gz": gzip.compress(rows), "data/metadata.csv": rows}
    for address in (f"{site}/t.csv", f"{site}/t.csv.gz", "hf://owner/name"):
        data = load(local(Path(address)))
        assert len(data.samples) == 0
        assert [line.partition(" (")[2] for line in data.unreadable] == [
            f"{here}/{name} lies outside the data that the table came with)"
            for name in ("1.txt", "2.txt")
        ]
    own = table(somewhere / "data" / "own.csv", rows)  # a person's own, beside what is downloaded
    assert [s.label for s in load(own).samples] == ["a", "b"]

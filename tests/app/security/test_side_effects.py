"""Whatever a client sends: no file outside the models folder, no program, no connection, no code.

Python reports what it does to audit hooks (PEP 578), also what libraries do with it. A hook cannot
be removed, so it is added once and records only while a test sends requests.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests import media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
OUTSIDE = [
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%2fetc%2fpasswd",
    "..%5c..%5cwindows",
    "%252e%252e%252fetc",
    "moods%00",
    "moods%2f..%2fcolours",
    "file:%2f%2f%2fetc%2fpasswd",
    "~root",
    "con",
    "%ef%bc%8e%ef%bc%8e",  # full stops of full width, which NFKC makes ordinary ones
    "a" * 5000,
    "-rf",
    "moods%0a",
]
# Reading a folder or a file's state has no event of its own but these.
WATCHED = ("open", "os.", "shutil.", "glob.", "tempfile.", "subprocess.", "socket.")
WATCHED += ("pickle.", "marshal.", "exec", "compile", "urllib.", "mmap.", "sqlite3.")
HARMLESS = ("socket.__new__",)
ITSELF = "/proc/self/"  # where the service reads its own figures every second
_recorded: list[tuple[str, str]] | None = None


def _record(event: str, arguments: tuple) -> None:
    if _recorded is None or not event.startswith(WATCHED) or event in HARMLESS:
        return
    what = str(arguments[0]) if arguments else ""
    if not what.startswith(ITSELF):
        _recorded.append((event, what))


sys.addaudithook(_record)


@contextmanager
def recording() -> Iterator[list[tuple[str, str]]]:
    global _recorded
    _recorded = made = []
    try:
        yield made
    finally:
        _recorded = None


def multipart(name: str) -> tuple[bytes, dict[str, str]]:
    """A picture whose file name is hostile."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name=file; filename="' + name.encode() + b'"\r\n'
        b"Content-Type: image/png\r\n\r\n" + media.picture() + b"\r\n--x--\r\n"
    )
    return body, {"Content-Type": "multipart/form-data; boundary=x"}


async def ask_everything(client) -> list[int]:
    """Send each hostile name at each place where a client may name something."""
    statuses = []
    for name in OUTSIDE:
        for method, path in (
            ("GET", f"/v1/models/{name}"),
            ("POST", f"/v1/models/{name}/classify"),
            ("POST", f"/v1/models/moods/{name}"),
            ("POST", f"/v1/models/moods/versions/{name}/classify"),
            ("GET", f"/{name}"),
            ("GET", f"/docs/static/{name}"),
            ("GET", f"/v1/{name}/models"),
        ):
            text = {"Content-Type": "text/plain"}
            answer = await client.request(method, path, content=b"good", headers=text)
            statuses.append(answer.status_code)
        body, headers = multipart(name)
        answer = await client.post("/v1/models/colours/classify", content=body, headers=headers)
        statuses.append(answer.status_code)
    for media_type in ("image/svg+xml", "application/pickle", "text/plain", "audio/wav", "a/b"):
        for data in (
            b"\x80\x04cos\nsystem\n",
            b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
        ):
            for path in ("/v1/classify", "/v1/models/moods/classify", "/v1/models/colours/embed"):
                answer = await client.post(path, content=data, headers={"Content-Type": media_type})
                statuses.append(answer.status_code)
    for value in ("file:///etc/passwd", "http://127.0.0.1:9/", "data:text/plain,x", "\\\\host\\x"):
        for body in ({"instances": [value]}, {"instances": [{"b64": value}]}):
            answer = await client.post("/v1/classify", json=body)
            statuses.append(answer.status_code)
    return statuses


@pytest.mark.slow
async def test_no_request_reaches_anything_outside(published: Path) -> None:
    async with open_service(published) as client:
        await ask_everything(client)  # what is loaded or imported once is no answer to a request
        with recording() as made:
            statuses = await ask_everything(client)
    assert {status for status in statuses if status >= 500} == set()
    root = str(published)
    outside = [(event, what) for event, what in made if not what.startswith(root)]
    assert outside == []
    written = {event for event, _ in made} - {"os.scandir", "os.listdir", "open"}
    assert written == set()


async def test_a_file_name_does_not_matter(published: Path) -> None:
    path = "/v1/models/colours/classify"
    async with open_service(published) as client:
        answers = []
        for name in [*(name for name in OUTSIDE if len(name) < 1000), "../../x", "/etc/passwd"]:
            body, headers = multipart(name)
            answers.append(await client.post(path, content=body, headers=headers))
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()) for answer in answers}) == 1


@pytest.mark.slow
def test_the_hook_sees_what_it_is_for(tmp_path: Path) -> None:
    with recording() as made:
        (tmp_path / "file").write_bytes(b"x")
        (tmp_path / "file").unlink()
        subprocess.run([sys.executable, "-c", ""], check=True)
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", 1))
    seen = {event for event, _ in made}
    assert {"open", "os.remove", "subprocess.Popen", "socket.connect"} <= seen

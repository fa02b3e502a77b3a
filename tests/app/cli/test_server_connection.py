"""What `thalamus predict --server` says of servers that answer with anything, or with no end."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from app.cli import server_connection
from tests.app.commands import one_line

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = b"Content-Length: 100\r\n\r\n"
NO_HTTP = "it hung up, or does not answer in HTTP"
NO_JSON = "it answered 200, and not with JSON"
CUT = "it hung up before the end of its answer"
SILENT = "it did not answer within 0.2 s"
ENDLESS = "its answer had no end after 0.4 s"
NOTHING: tuple[bytes, ...] = ()
# What is sent first, what then follows again and again, and the line.
ANSWERS = {
    "another protocol": (b"SSH-2.0-x\r\n", NOTHING, NO_HTTP),
    "half a status line": (b"HTTP/1.1 2", NOTHING, NO_HTTP),
    "a page": (OK + b"Content-Length: 6\r\n\r\n<html>", NOTHING, NO_JSON),
    "half an answer": (OK + LONG + b'{"task":', NOTHING, CUT),
    "half a chunk": (CHUNKED + b'50\r\n{"task":', NOTHING, CUT),
    "a silent server": (b"", (b"",), SILENT),
    "half a status line, and silence": (b"HTTP/1.1 2", (b"",), SILENT),
    "half an answer, and silence": (OK + LONG + b"{", (b"",), SILENT),
    "an endless header field": (OK + b"X: ", (b"a" * 9999,), NO_HTTP),
    "endless header fields": (OK, (b"X: a\r\n" * 999,), NO_HTTP),
    "an endless body": (OK + b"\r\n", (b"a" * 99999,), NO_JSON),
    "endless chunks": (CHUNKED, (b"2710\r\n" + b"a" * 10000 + b"\r\n",), NO_JSON),
    "an endless size of a chunk": (CHUNKED, (b"1" * 9999,), NO_HTTP),
    "slow header fields": (OK, (b"X: a\r\n",), ENDLESS),
    "a slow body": (OK + LONG, (b"a",), ENDLESS),
    "slow chunks": (CHUNKED, (b"1\r\na\r\n",), ENDLESS),
    "endless announcements": (b"", (b"HTTP/1.1 100 Continue\r\n\r\n" * 99,), ENDLESS),
    "endless trailers": (CHUNKED + b"0\r\n", (b"X: a\r\n" * 99,), ENDLESS),
}


@contextmanager
def serving(start: bytes, again: tuple[bytes, ...]) -> Iterator[str]:
    """Answer one request after the other so, and give the address."""
    over = threading.Event()

    def answer() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with closing(connection), suppress(OSError):
                    connection.recv(2**16)
                    connection.sendall(start)
                    for data in itertools.cycle(again):
                        if over.wait(0 if len(data) > 9000 else 0.05):
                            break
                        connection.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THALAMUS_KEY", raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("hello")
    return tmp_path / "a.txt"


@pytest.mark.parametrize(("start", "again", "line"), ANSWERS.values(), ids=ANSWERS)
def test_whatever_a_server_answers_is_one_line(
    capsys, file: Path, monkeypatch, start: bytes, again: tuple[bytes, ...], line: str
) -> None:
    if line == SILENT:
        monkeypatch.setattr(server_connection, "_SECONDS", 0.2)
    if line == ENDLESS:
        monkeypatch.setattr(server_connection, "_LONGEST_ANSWER", 0.4)
    with serving(start, again) as address:
        said = one_line(capsys, "predict", "mine", file, "--server", address)
    assert said.startswith(f"thalamus: {address}: {line}"), said

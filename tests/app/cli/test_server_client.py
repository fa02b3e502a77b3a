"""`thalamus models … --server`: what is sent, and one line for whatever comes back."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.app.commands import one_line, run

KEY = "k3y-of-an-admin"
SERVING = {
    "version": 2,
    "since": "2033-05-18T03:33:20Z",
    "policy": "pinned",
    "pinned": 2,
    "keep": 2,
}
MODEL = {"name": "mine", "serving": SERVING, "versions": [{"version": 1}, {"version": 2}]}
STATE = {"model": "mine", "published": [1, 2, 3], "policy": "latest", "keep": 2}
CHANGE = {
    "before": {**STATE, "version": 3},
    "after": {**STATE, "version": 2, "policy": "pinned", "pinned": 2},
    "new": "a member that this client does not know",
}
LISTED = {"models": [{"name": "mine"}, {"name": "moods"}]}


class Server(ThreadingHTTPServer):
    """Answers each request by what `answers` has for its method and path, and keeps what came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.headers: dict[str, str] = {}
        self.more: dict[str, str] = {}  # header fields of all answers
        self.received: list[tuple[str, bytes]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = f"{self.command} {self.path}"
        self.server.headers = dict(self.headers.items())
        self.server.received.append((asked, body))
        status, content = self.server.answers.get(asked, (404, {"detail": "nothing there"}))
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Location", "https://elsewhere/\x1b[31m")
        for name, value in self.server.more.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 (the name that http.server calls)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.delenv("THALAMUS_KEY", raising=False)
    with Server() as served:
        thread = threading.Thread(target=served.serve_forever, args=(0.01,))
        thread.start()
        yield served
        served.shutdown()
        thread.join()


PIN = "POST /v1/models/mine/serving"


def refused(capsys, server: Server, status: int, content: Any) -> str:
    """Return the line of a pin that is answered so, after the address."""
    server.answers = {PIN: (status, content), "GET /v1/models": (200, LISTED)}
    line = one_line(capsys, "models", "pin", "mine", 2, "--server", server.address)
    return line.removeprefix(f"thalamus: {server.address}: ").strip()


def test_a_change_is_posted_with_the_key(capsys, server: Server, monkeypatch) -> None:
    monkeypatch.setenv("THALAMUS_KEY", f"{KEY}\n")
    server.answers = {f"POST /ml{PIN.partition(' ')[2]}": (200, CHANGE)}
    address = f"{server.address}/ml/"
    status, out, err = run(capsys, "models", "pin", "mine", 2, "--server", address)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "mine: version 2 serves, pinned; version 3 served before",
        f"undo: thalamus models unpin mine --server {address}",
    ]
    assert json.loads(server.received[0][1]) == {"change": "pin", "version": 2}
    assert server.headers["Authorization"] == f"Bearer {KEY}"
    assert server.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (("unpin", "mine"), {"change": "unpin"}),
        (("rollback", "mine", "--copy"), {"change": "rollback", "copy": True}),
        (("hold", "mine", 3, "--reason", "x"), {"change": "hold", "version": 3, "reason": "x"}),
        (("release", "mine", 3), {"change": "release", "version": 3}),
    ],
)
def test_each_change_has_its_members(capsys, server: Server, words, sent) -> None:
    server.answers = {PIN: (200, CHANGE)}
    assert run(capsys, "models", *words, "--server", server.address)[0] == 0
    assert json.loads(server.received[0][1]) == sent
    assert "Authorization" not in server.headers


def test_show_asks_for_the_model(capsys, server: Server, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    server.answers = {"GET /v1/models/mine": (200, MODEL)}
    given = ("--server", server.address, "--key-file", tmp_path / "key")
    status, out, _ = run(capsys, "models", "show", "mine", *given)
    assert (status, out.splitlines()[1:3]) == (0, ["serves     version 2", "policy     pin 2"])
    assert "published  1, 2" in out and server.headers["Authorization"] == f"Bearer {KEY}"


DETAIL = {"detail": "what is\nwrong \x1b[31m"}


@pytest.mark.parametrize(
    ("status", "content", "line"),
    [
        (401, DETAIL, "it needs a key: set THALAMUS_KEY, or name a file with --key-file"),
        (403, DETAIL, "what is\\nwrong \\u001b[31m"),
        (409, DETAIL, "what is\\nwrong \\u001b[31m"),
        (500, DETAIL, "what is\\nwrong \\u001b[31m"),
        (503, DETAIL, "what is\\nwrong \\u001b[31m; try again"),
        (404, DETAIL, "it has no control of models; is it older?"),
        (404, b"<html>", "it answered 404, and not with JSON; is this the address of Thalamus?"),
        (502, b"<html>", "it answered 502, and not with JSON; is this the address of Thalamus?"),
        (200, b"<html>", "it answered 200, and not with JSON; is this the address of Thalamus?"),
        (200, b"\xff", "it answered 200, and not with JSON; is this the address of Thalamus?"),
        (
            200,
            b"[" * 90_000,
            "it answered 200, and not with JSON; is this the address of Thalamus?",
        ),
        (200, {}, "it answered with unexpected JSON; is this the address of Thalamus?"),
        (200, [1], "it answered with unexpected JSON; is this the address of Thalamus?"),
        (301, b"", "it redirects to https://elsewhere/\\u001b[31m; name that address"),
    ],
)
def test_a_refusal_is_one_line(capsys, server: Server, status: int, content, line: str) -> None:
    assert refused(capsys, server, status, content) == line


def test_a_key_that_is_not_accepted_is_not_repeated(capsys, server: Server, monkeypatch) -> None:
    monkeypatch.setenv("THALAMUS_KEY", KEY)
    assert refused(capsys, server, 401, DETAIL) == "it does not accept this key"


def test_an_unknown_model_names_the_nearest(capsys, server: Server) -> None:
    server.answers = {"GET /v1/models": (200, LISTED)}
    for words in (("show", "mien"), ("unpin", "mien")):
        line = one_line(capsys, "models", *words, "--server", server.address)
        assert "it has no model 'mien' (did you mean mine?)" in line


def test_a_service_without_serving_rules_is_one_line(capsys, server: Server) -> None:
    server.answers = {"GET /v1/models/mine": (200, {"name": "mine", "versions": []})}
    line = one_line(capsys, "models", "show", "mine", "--server", server.address)
    assert "it does not say which version serves" in line


def test_no_connection_is_one_line(capsys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    line = one_line(capsys, "models", "unpin", "mine", "--server", f"http://127.0.0.1:{port}")
    assert line.endswith(": Connection refused\n")


def test_a_host_that_is_not_there_is_one_line(capsys) -> None:
    line = one_line(capsys, "models", "unpin", "mine", "--server", "http://nowhere.invalid")
    assert ": there is no such host (" in line


def test_an_answer_that_does_not_come_is_one_line(capsys, monkeypatch) -> None:
    monkeypatch.setattr("app.cli.server_connection._SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        line = one_line(capsys, "models", "unpin", "mine", "--server", address)
    assert "did not answer within 0.05 s; look whether the change was made" in line


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nA" + b"a" * 70_000]
)
def test_what_is_no_http_is_one_line(capsys, answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(2**16)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        line = one_line(capsys, "models", "unpin", "mine", "--server", address)
        thread.join()
    assert "it hung up, or does not answer in HTTP" in line and len(line) < 250


def test_tls_without_tls_is_one_line(capsys, server: Server) -> None:
    address = server.address.replace("http", "https")
    line = one_line(capsys, "models", "unpin", "mine", "--server", address)
    assert ": TLS failed (" in line and "is it an http:// address?" in line


@pytest.mark.parametrize(
    "address",
    [
        *("", "localhost:8000", "ftp://x", "http://", "http://x:y", "http://x:99999", "http://x?a"),
        *("http://x/#a", "http://x/\n", "http://[::1", "http:// x", "http://é", "http://x:0"),
    ],
)
def test_an_odd_address_is_one_line(capsys, address: str) -> None:
    line = one_line(capsys, "models", "unpin", "mine", "--server", address)
    assert line.startswith("thalamus: --server: expected an address such as http://")


def test_a_password_in_an_address_is_not_repeated(capsys) -> None:
    line = one_line(capsys, "models", "unpin", "mine", "--server", "http://admin:s3cret@x")
    assert "without a name or a password; see --key-file" in line and "s3cret" not in line


@pytest.mark.parametrize("key", ["two words", "two\nlines", "ключ", "\0", "k" * 2000, "\x1b"])
def test_an_odd_key_is_one_line_that_does_not_repeat_it(capsys, server, tmp_path, key: str) -> None:
    (tmp_path / "key").write_text(key)
    given = ("--server", server.address, "--key-file", tmp_path / "key")
    line = one_line(capsys, "models", "unpin", "mine", *given)
    assert line.endswith("key: expected one key, of printable ASCII without spaces\n")
    assert server.received == []


def test_a_key_file_that_is_not_there_or_empty_is_one_line(capsys, server, tmp_path: Path) -> None:
    given = ("models", "unpin", "mine", "--server", server.address, "--key-file")
    assert "nowhere: No such file" in one_line(capsys, *given, tmp_path / "nowhere")
    assert "Is a directory" in one_line(capsys, *given, tmp_path)
    assert "expected one key" in one_line(capsys, *given, "/dev/null")


@pytest.mark.slow
def test_a_certificate_that_nobody_signed_is_one_line(capsys, tmp_path: Path) -> None:
    import shutil
    import ssl

    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    made = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=x -days 2"
    subprocess.run(made.split(), cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    with Server() as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = server.address.replace("http", "https")
        line = one_line(capsys, "models", "unpin", "mine", "--server", address)
        thread.join()
    assert "its certificate is not trusted (self" in line

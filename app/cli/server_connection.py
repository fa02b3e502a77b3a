"""A connection to a running service, by HTTP: a client of the standard library.

It follows no redirect and uses no proxy of the environment, so the key goes to the server that was
named and to nobody else. What a server says is printed without control characters.
"""

import io
import json
import os
import re
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import (
    HTTPConnection,
    HTTPException,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
)
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from app import __version__
from app.errors import OperatorError
from app.terminal import printable

KEY_VARIABLE = "THALAMUS_KEY"
NOT_THALAMUS = "is this the address of Thalamus?"
_KEY = re.compile(r"[\x21-\x7e]{1,1000}")
_SECONDS = 60.0  # for each step of a request; a copy of a large model takes long
_LONGEST_ANSWER = 120.0  # seconds from the wait for an answer to its last byte
_MOST = 2**22  # bytes of an answer
_SHOWN = 500  # characters of what a server says


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The http or https URL of a service, and the key for it, if it wants one."""

    url: SplitResult
    shown: str
    key: str | None = None

    def error(self, what: str) -> OperatorError:
        """Return the error that begins with the address."""
        return OperatorError(f"{self.shown}: {what}")

    def refusal(self, reply: "Reply") -> str:
        """Return what to say about an answer that is no success."""
        detail = reply.detail
        if reply.status == 401 and self.key is None:
            return f"it needs a key: set {KEY_VARIABLE}, or name a file with --key-file"
        if reply.status == 401:
            return "it does not accept this key"
        if 300 <= reply.status < 400:
            where = safe(reply.headers.get("location", "")) or "nowhere"
            return f"it redirects to {where}; name that address"
        if detail is None:
            return f"it answered {reply.status}, and not with JSON; {NOT_THALAMUS}"
        return safe(detail) + ("; try again" if reply.status == 503 else "")


@dataclass(frozen=True, slots=True)
class Reply:
    """The status, the body and the header fields of an answer, whose names are in lower case."""

    status: int
    content: bytes
    headers: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The JSON in the body; None where it holds none."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @property
    def detail(self) -> str | None:
        """What a problem says, if the body is one."""
        document = self.document
        found = document.get("detail") if isinstance(document, dict) else None
        return found if isinstance(found, str) else None


class _TooSlow(TimeoutError):
    """Bytes arrive, but the answer does not end."""


class _Timed(io.RawIOBase):
    """What a socket receives until a time; the socket's own limit is for each receiving alone."""

    def __init__(self, receiving: io.RawIOBase, its_socket: socket.socket) -> None:
        self._receiving, self._socket = receiving, its_socket
        self._end = time.monotonic() + _LONGEST_ANSWER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - time.monotonic()
        if left <= 0:
            raise _TooSlow
        self._socket.settimeout(min(_SECONDS, left))
        try:
            return self._receiving.readinto(buffer)
        except TimeoutError:
            if left < _SECONDS:
                raise _TooSlow from None
            raise

    def close(self) -> None:
        if not self.closed:
            self._socket.settimeout(_SECONDS)  # of the next request
            self._receiving.close()
        super().close()


class _TimedAnswer(HTTPResponse):
    def __init__(self, sock: socket.socket, *rest: Any, **more: Any) -> None:
        super().__init__(sock, *rest, **more)
        self.fp: Any = io.BufferedReader(_Timed(self.fp.detach(), sock))


class ServerConnection:
    """Sends requests one after the other; the connection is kept until it fails or is closed.

    most: bytes of an answer that are read; a longer one is cut. Not thread-safe.
    """

    def __init__(self, address: ServerAddress, most: int = _MOST) -> None:
        self._address, self._most = address, most
        self._connection: HTTPConnection | None = None

    def send(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> Reply:
        """Return the answer to a request; kind: the media type of the body.

        Raises `OSError` or `HTTPException`, after which the next request has a new connection; also
        for an answer that does not end in time.
        """
        key = self._address.key
        headers = {"Accept": "application/json", "User-Agent": f"thalamus/{__version__}"}
        headers |= {} if key is None else {"Authorization": f"Bearer {key}"}
        headers |= {"Content-Type": kind} if kind else {}
        connection = self._connection = self._connection or self._open()
        try:
            path = self._address.url.path.rstrip("/") + path
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why
                connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read(self._most)
            if answer.length and len(content) < self._most:
                raise IncompleteRead(content, answer.length)
        except BaseException:
            self.close()
            raise
        if not answer.isclosed():  # the rest of an answer that was cut
            self.close()
        fields = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, content, fields)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(OSError):
                connection.close()

    def _open(self) -> HTTPConnection:
        url = self._address.url
        host, port = str(url.hostname), url.port
        if url.scheme == "http":
            connection = HTTPConnection(host, port, timeout=_SECONDS)
        else:
            context = ssl.create_default_context()
            connection = HTTPSConnection(host, port, timeout=_SECONDS, context=context)
        connection.response_class = _TimedAnswer
        return connection


def server_address(text: str, key: str | None) -> ServerAddress:
    """Return the parts of a URL; raise `OperatorError`, which does not repeat a password in it."""
    expected = "--server: expected an address such as http://localhost:8000"
    try:
        url = urlsplit(text)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError as error:
        raise OperatorError(f"{expected} ({error})") from error
    if url.username is not None or url.password is not None:
        raise OperatorError(f"{expected}, without a name or a password; see --key-file")
    if not usable or url.query or url.fragment or not re.fullmatch(r"[\x21-\x7e]+", text):
        raise OperatorError(f"{expected}, got {safe(text)!r}")
    return ServerAddress(url, text.rstrip("/"), key)


def read_key(key_file: Path | None) -> str | None:
    """Return the key of a file, or of the environment; raise `OperatorError`, which repeats none.

    There is no option for the key itself: everybody on a machine can read the command lines of all
    its processes, and shells keep theirs in a history.
    """
    if key_file is None:
        source, key = KEY_VARIABLE, os.environ.get(KEY_VARIABLE, "").strip()
        if not key:
            return None
    else:
        source = str(key_file)
        with key_file.open("rb") as file:
            key = file.read(2**12).decode("latin-1").strip()
    if not _KEY.fullmatch(key):
        raise OperatorError(f"{source}: expected one key, of printable ASCII without spaces")
    return key


def why_no_answer(error: Exception) -> str:
    """Return what to say about an error of `ServerConnection.send`."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or error}); is it an http:// address?"
        case _TooSlow():
            return f"its answer had no end after {_LONGEST_ANSWER:g} s"
        case TimeoutError():
            return f"it did not answer within {_SECONDS:g} s"
        case socket.gaierror():
            return f"there is no such host ({error.strerror})"
        case IncompleteRead():
            return "it hung up before the end of its answer"
        case HTTPException():  # what it read may be in its text
            return "it hung up, or does not answer in HTTP; is it an https:// address?"
        case OSError():
            return error.strerror or str(error)
    return str(error)


def safe(text: str) -> str:
    """Return the start of what a server says, without commands to the terminal."""
    return printable(text[:_SHOWN])

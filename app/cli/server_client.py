"""Model control of a running service, over HTTP: a client of the standard library.

It follows no redirect and uses no proxy of the environment, so the key goes to the server that was
named and to nobody else. What a server says is printed without control characters.
"""

import json
import os
import re
import socket
import ssl
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

from pydantic import ValidationError

from app import __version__
from app.command_line import nearest
from app.errors import OperatorError
from app.serving.change_request import ChangeRequest
from app.serving.rule_changes import RuleChange
from app.serving.rule_state import RuleState
from app.terminal import printable

KEY_VARIABLE = "THALAMUS_KEY"
_KEY = re.compile(r"[\x21-\x7e]{1,1000}")
_SECONDS = 60.0  # for each step of a request; a copy of a large model takes long
_MOST = 2**22  # bytes of an answer
_SHOWN = 500  # characters of what a server says
_Answer = TypeVar("_Answer", RuleState, RuleChange)
_NOT_THALAMUS = "is this the address of Thalamus?"


class ServerClient:
    """Asks the service at `address`, an http or https URL. key: for its admin, if it wants one."""

    def __init__(self, address: str, key: str | None) -> None:
        self._url, self._key = _split(address), key
        self._shown = address.rstrip("/")

    def state(self, name: str) -> RuleState:
        """Return the state of a model; raise `OperatorError` for whatever goes wrong."""
        model = self._ask("GET", name, f"/v1/models/{quote(name, safe='')}")
        try:
            versions = [version["version"] for version in model["versions"]]
            said = {**model["serving"], "model": name, "published": versions}
        except (KeyError, TypeError) as error:
            raise self._error("it does not say which version serves; is it older?") from error
        return self._parsed(RuleState, said)

    def change(self, name: str, request: ChangeRequest) -> RuleChange:
        """Ask for a change, and return what it did; raise `OperatorError`."""
        members = request.model_dump(by_alias=True, exclude_defaults=True)
        address = f"/v1/models/{quote(name, safe='')}/serving"
        return self._parsed(RuleChange, self._ask("POST", name, address, members))

    def _parsed(self, kind: type[_Answer], document: Any) -> _Answer:
        try:
            return kind.model_validate(document, extra="ignore")  # of a newer service
        except ValidationError as error:
            raise self._error(f"it answered with unexpected JSON; {_NOT_THALAMUS}") from error

    def _ask(
        self, method: str, name: str, address: str, members: Mapping[str, Any] | None = None
    ) -> Any:
        status, content, location = self._send(method, address, members)
        document = _json(content)
        if status == 200 and document is not None:
            return document
        detail = document.get("detail") if isinstance(document, dict) else None
        if status == 404 and detail is not None:
            raise self._error(self._unknown(name))
        raise self._error(self._refusal(status, location, detail))

    def _refusal(self, status: int, location: str, detail: object) -> str:
        if status == 401 and self._key is None:
            return f"it needs a key: set {KEY_VARIABLE}, or name a file with --key-file"
        if status == 401:
            return "it does not accept this key"
        if 300 <= status < 400:
            return f"it redirects to {_safe(location) or 'nowhere'}; name that address"
        if not isinstance(detail, str):
            return f"it answered {status}, and not with JSON; {_NOT_THALAMUS}"
        return _safe(detail) + ("; try again" if status == 503 else "")

    def _unknown(self, name: str) -> str:
        status, content, _ = self._send("GET", "/v1/models", None)
        listed = _json(content)
        models = listed.get("models") if isinstance(listed, dict) and status == 200 else None
        names = [str(model.get("name")) for model in models or () if isinstance(model, dict)]
        if name in names:
            return "it has no control of models; is it older?"
        return f"it has no model {name!r}{_safe(nearest(name, names))}"

    def _send(
        self, method: str, address: str, members: Mapping[str, Any] | None
    ) -> tuple[int, bytes, str]:
        """Return the status, the body and the Location of an answer."""
        headers = {"Accept": "application/json", "User-Agent": f"thalamus/{__version__}"}
        headers |= {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        body = None
        if members is not None:
            headers["Content-Type"], body = "application/json", json.dumps(members).encode()
        try:
            with closing(self._connection()) as connection:
                connection.request(method, self._url.path.rstrip("/") + address, body, headers)
                answer = connection.getresponse()
                return answer.status, answer.read(_MOST), answer.headers.get("Location", "")
        except (OSError, HTTPException) as error:
            unknown = "" if body is None else "; look whether the change was made"
            raise self._error(_reason(error) + (unknown if _is_late(error) else "")) from error

    def _connection(self) -> HTTPConnection:
        host, port = str(self._url.hostname), self._url.port
        if self._url.scheme == "http":
            return HTTPConnection(host, port, timeout=_SECONDS)
        context = ssl.create_default_context()
        return HTTPSConnection(host, port, timeout=_SECONDS, context=context)

    def _error(self, what: str) -> OperatorError:
        return OperatorError(f"{self._shown}: {what}")


def admin_key(key_file: Path | None) -> str | None:
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


def _split(address: str) -> SplitResult:
    """Return the parts of a URL; raise `OperatorError`, which does not repeat a password in it."""
    expected = "--server: expected an address such as http://localhost:8000"
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError as error:
        raise OperatorError(f"{expected} ({error})") from error
    if url.username is not None or url.password is not None:
        raise OperatorError(f"{expected}, without a name or a password; see --key-file")
    if not usable or url.query or url.fragment or not re.fullmatch(r"[\x21-\x7e]+", address):
        raise OperatorError(f"{expected}, got {_safe(address)!r}")
    return url


def _reason(error: Exception) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message})"
        case ssl.SSLError():
            return f"TLS failed ({error.reason or error}); is it an http:// address?"
        case TimeoutError():
            return f"it did not answer within {_SECONDS:g} s"
        case socket.gaierror():
            return f"there is no such host ({error.strerror})"
        case HTTPException():  # what it read may be in its text
            return "it hung up, or does not answer in HTTP; is it an https:// address?"
        case OSError():
            return error.strerror or str(error)
    return str(error)


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError | HTTPException | ConnectionResetError)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _safe(text: str) -> str:
    return printable(text[:_SHOWN])

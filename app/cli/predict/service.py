"""A running service as a `Model`: one request for each input, on one connection for each thread.

A request is sent again where the service asks for it or was not there: after `Retry-After`, or
after a wait that doubles, with some chance in it so that the threads do not come back together.
Answering changes nothing in the service, so no request is one too many. A service that stays away
ends the run, which `--resume` continues.
"""

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from app.cli.predict.answers import Answered
from app.cli.predict.inputs import Input
from app.cli.predict.rows import Rows, as_members
from app.cli.server_client import names_of_models
from app.cli.server_connection import (
    NOT_THALAMUS,
    Reply,
    ServerAddress,
    ServerConnection,
    safe,
    why_no_answer,
)
from app.command_line import nearest
from app.errors import InvalidInput, OperatorError
from app.modalities import Payload
from app.tasks import Task

TRIES = 8  # of one request
_FIRST_WAIT, _LONGEST_WAIT = 0.25, 60.0  # seconds
_LARGEST_ANSWER = 2**26  # bytes
_LONGEST_NUMBER = 18  # digits of a version
_AGAIN = frozenset({429, 502, 503})
_OF_ITEM = frozenset({400, 408, 413, 422, 500, 504})  # the next input may be answered


class RemoteModel:
    """Asks a service for one task of a model; thread-safe.

    model: `NAME` or `NAME/VERSION`. given: options of the task, by name. sleep: waits so many
    seconds.
    """

    def __init__(
        self,
        server: ServerAddress,
        model: str,
        task: Task,
        given: Mapping[str, str],
        rows: Rows,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        name, version = address_of(model)
        of_version = f"/versions/{version}" if version else ""
        query = f"?{urlencode(given)}" if given else ""
        self._path = f"{_address(name)}{of_version}/{task.name}{query}"
        self._server, self._task = server, task
        self._rows, self._sleep = rows, sleep
        self._of_thread = threading.local()

    def answer(self, inputs: Sequence[Input]) -> Answered:
        """Answer one chunk, input by input."""
        start, rows, errors = time.perf_counter(), [], 0
        for source in inputs:
            answer = self._ask(source)
            if isinstance(answer, str):
                rows.append(self._rows.error(source, answer))
                errors += 1
            else:
                rows.append(self._rows.answer(source, *answer))
        return Answered(b"".join(rows), len(inputs), errors, time.perf_counter() - start)

    def _ask(self, source: Input) -> str | tuple[str, int, Mapping[str, Any]]:
        """Return model, version and answer, or what is wrong with the input."""
        try:
            payload = source.read()
        except InvalidInput as error:
            return str(error)
        reply = self._send(payload)
        if reply.status == 200:
            return self._read(reply)
        if reply.status in _OF_ITEM and reply.detail is not None:
            return safe(reply.detail)
        raise self._server.error(self._server.refusal(reply))

    def _send(self, payload: Payload) -> Reply:
        kind = payload.media_type
        kind += f"; charset={payload.charset}" if payload.charset is not None else ""
        wait = _FIRST_WAIT
        for left in reversed(range(TRIES)):
            try:
                reply = self._connection().send("POST", self._path, payload.data, kind)
            except (OSError, HTTPException) as error:
                if not left:
                    raise self._server.error(why_no_answer(error)) from error
            else:
                if reply.status not in _AGAIN or not left:
                    return reply
                wait = max(wait, _seconds(reply))
            self._sleep(min(wait, _LONGEST_WAIT) * random.uniform(1, 1.25))
            wait = min(2 * wait, _LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def _connection(self) -> ServerConnection:
        found: ServerConnection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            found = self._of_thread.connection = ServerConnection(self._server, _LARGEST_ANSWER)
        return found

    def _read(self, reply: Reply) -> tuple[str, int, Mapping[str, Any]]:
        try:
            document = orjson.loads(reply.content)
            [answer] = document[self._task.plural]
            return document["model"], document["version"], as_members(answer, self._task.name)
        except (ValueError, KeyError, TypeError) as error:
            what = f"it answered with unexpected JSON; {NOT_THALAMUS}"
            raise self._server.error(what) from error


def address_of(model: str) -> tuple[str, int]:
    """Return the parts of `NAME` or `NAME/VERSION`, 0 without a version; raise `OperatorError`."""
    name, slash, version = model.partition("/")
    digits = version.isascii() and version.isdigit() and len(version) <= _LONGEST_NUMBER
    number = int(version) if digits else 0
    if not name or bool(slash) != bool(number):
        raise OperatorError(f"expected NAME or NAME/VERSION of a model, got {model!r}")
    return name, number


def model_facts(server: ServerAddress, name: str) -> Mapping[str, Any]:
    """Return what a service says about a model; raise `OperatorError` for whatever goes wrong."""
    try:
        with closing(ServerConnection(server)) as connection:
            reply = connection.send("GET", _address(name))
            if reply.status == 404 and reply.detail is not None:
                names = names_of_models(connection.send("GET", "/v1/models"))
                raise server.error(f"it has no model {name!r}{safe(nearest(name, names))}")
    except (OSError, HTTPException) as error:
        raise server.error(why_no_answer(error)) from error
    if reply.status != 200 or not isinstance(reply.document, dict):
        raise server.error(server.refusal(reply))
    facts: Mapping[str, Any] = reply.document
    return facts


def _address(name: str) -> str:
    return f"/v1/models/{quote(name, safe='')}"


def _seconds(reply: Reply) -> float:
    """Return the seconds of `Retry-After`, which may be a date; 0 where it is neither."""
    value = reply.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0

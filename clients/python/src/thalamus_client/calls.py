"""Requests and their answers, without sending them: what both clients share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from thalamus_client.answers import (
    Answer,
    ChosenWord,
    ClassifyResponse,
    CompletionResponse,
    CompletionSummary,
    DescribedModel,
    EmbedResponse,
    Models,
    Ready,
    ReconstructResponse,
)
from thalamus_client.errors import (
    ClientError,
    NoConnection,
    Problem,
    UnexpectedAnswer,
    connection_error,
    problem_of,
)
from thalamus_client.items import Items, files_of, multipart
from thalamus_client.retries import retry_after

A = TypeVar("A", bound=Answer)
_MOST = 2**28  # bytes of an answer
_LONGEST_STREAM = 2**24  # characters of all its events


@dataclass(frozen=True, slots=True)
class Call(Generic[A]):
    """A request: arguments of httpx, the type of the answer, and the statuses that have it."""

    method: str
    path: str
    answer: type[A]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    statuses: tuple[int, ...] = (200,)

    def read(self, response: httpx.Response) -> A:
        """Return the answer in a response that was read whole; raise a `ClientError`."""
        if response.status_code not in self.statuses:
            raise refusal(response)
        return _parsed(self.answer, response.content)


def classify(
    model: str | None, items: Items, version: int | None, top_k: int, explain: bool
) -> Call[ClassifyResponse]:
    """Return the request for predictions; model None: the default one for the kind of item."""
    options: dict[str, Any] = {"top_k": top_k} | ({"explain": "true"} if explain else {})
    return Call("POST", _path(model, version, "classify"), ClassifyResponse, _body(items, options))


def embed(model: str, items: Items, version: int | None) -> Call[EmbedResponse]:
    """Return the request for features."""
    return Call("POST", _path(model, version, "embed"), EmbedResponse, _body(items))


def reconstruct(model: str, items: Items, version: int | None) -> Call[ReconstructResponse]:
    """Return the request for reconstructions."""
    body = _body(items)
    return Call("POST", _path(model, version, "reconstruct"), ReconstructResponse, body)


def complete(
    model: str, text: str, version: int | None, options: Mapping[str, Any]
) -> Call[CompletionResponse]:
    """Return the request for a continuation; options that are None are left out."""
    given = {name: value for name, value in options.items() if value is not None}
    body = {"json": {"text": text, **given}}
    return Call("POST", _path(model, version, "complete"), CompletionResponse, body)


def models() -> Call[Models]:
    """Return the request for all models."""
    return Call("GET", "v1/models", Models)


def model(name: str) -> Call[DescribedModel]:
    """Return the request for one model."""
    return Call("GET", f"v1/models/{quote(name, safe='')}", DescribedModel)


def health() -> Call[Ready]:
    """Return the request for the state of the service, which is an answer with status 503 too."""
    return Call("GET", "readyz", Ready, statuses=(200, 503))


def refusal(response: httpx.Response) -> Problem | UnexpectedAnswer:
    """Return the error for a response that is no success."""
    if response.status_code < 400:
        where = response.headers.get("location", "")
        return UnexpectedAnswer(f"HTTP status {response.status_code} {where}".strip())
    after = retry_after(response)
    return problem_of(response.status_code, _members(response.content), after)


def failure(outcome: httpx.Response | httpx.RequestError) -> ClientError:
    """Return the error for a request that is not sent again."""
    if isinstance(outcome, httpx.Response):
        return refusal(outcome)
    error = connection_error(outcome)
    error.__cause__ = outcome
    return error


class Body:
    """The body of a response, part by part; a whole answer is a response that was read."""

    def __init__(self, response: httpx.Response) -> None:
        self._response, self._content = response, bytearray()

    def add(self, part: bytes) -> None:
        """Take a part, decompressed; raise `UnexpectedAnswer` where no answer is so long."""
        self._content += part
        if len(self._content) > _MOST:
            raise UnexpectedAnswer(f"the answer has more than {_MOST} bytes")

    def whole(self) -> httpx.Response:
        """Return the response with its body, after the last part."""
        headers = self._response.headers.copy()
        headers.pop("content-encoding", None)
        return httpx.Response(
            self._response.status_code, headers=headers, content=bytes(self._content)
        )


class Events:
    """Server-sent events of a completion → its words, and the summary at the end."""

    def __init__(self) -> None:
        self._event, self._data, self._size = "", "", 0
        self._parts: list[str] = []  # of a line
        self.summary: CompletionSummary | None = None

    def feed(self, text: str) -> Iterator[ChosenWord]:
        """Take what has arrived; yield the words that it completes. Raises a `ClientError`."""
        self._size += len(text)
        if self._size > _LONGEST_STREAM:
            raise UnexpectedAnswer(f"the stream has more than {_LONGEST_STREAM} characters")
        *ends, rest = text.split("\n")
        for end in ends:
            line = "".join([*self._parts, end]).removesuffix("\r")
            self._parts.clear()
            if (word := self._line(line)) is not None:
                yield word
        self._parts.append(rest)

    def _line(self, line: str) -> ChosenWord | None:
        name, _, value = line.partition(":")
        if name == "event":
            self._event = value.strip()
        elif name == "data":
            self._data += value
        if line or not self._data:
            return None
        event, data, self._event, self._data = self._event, self._data, "", ""
        if event == "error":
            members = _members(data)
            status = members.get("status")
            raise problem_of(status if isinstance(status, int) else 500, members)
        if event == "done":
            self.summary = _parsed(CompletionSummary, data)
            return None
        return _parsed(ChosenWord, data) if event == "word" else None

    def check_end(self) -> None:
        """Raise `NoConnection` unless the end of the stream has come."""
        if self.summary is None:
            raise NoConnection("the stream ended before its last word")


def client_arguments(
    address: str, key: str | None, timeout: float | httpx.Timeout
) -> dict[str, Any]:
    """Return the arguments of httpx's clients; key: sent with each request, to nobody else."""
    url = httpx.URL(address if address.endswith("/") else f"{address}/")
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"expected an address such as http://localhost:8000, got {address!r}")
    headers = {"Accept": "application/json", "User-Agent": "thalamus-client"}
    headers |= {} if key is None else {"Authorization": f"Bearer {key}"}
    return {"base_url": url, "headers": headers, "timeout": timeout, "follow_redirects": False}


def _path(model: str | None, version: int | None, task: str) -> str:
    if model is None:
        if version is not None:
            raise ValueError("a version needs a model")
        return f"v1/{task}"
    of_version = "" if version is None else f"/versions/{version}"
    return f"v1/models/{quote(model, safe='')}{of_version}/{task}"


def _body(items: Items, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    files = files_of(items)
    arguments: dict[str, Any] = {"params": options} if options else {}
    if len(files) == 1:
        [file] = files
        return {
            **arguments,
            "content": file.data,
            "headers": {"Content-Type": file.media_type},
        }
    return {**arguments, "files": multipart(files)}


def _parsed(kind: type[A], data: str | bytes) -> A:
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise UnexpectedAnswer(f"{where}: {first['msg']}") from error


def _members(data: str | bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(data)
    except (ValueError, RecursionError):
        members = None
    return members if isinstance(members, dict) else {}

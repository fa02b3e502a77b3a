"""The endpoint of every task that takes items: it parses, calls `serving`, and renders answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from app.api.accept import preferred
from app.api.body import disconnected, read_body
from app.api.payload import SNIFFED, is_json, parse_body
from app.api.query import parse_options
from app.bundle import Manifest
from app.errors import NotReady, UnsupportedMedia
from app.modalities import Payload
from app.serving.catalog import Catalog
from app.serving.model import ServedModel
from app.tasks import Task
from app.telemetry import RequestRecord, Timings, record_of

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Serving:
    """What endpoints share: the catalog, and the limits of a request.

    receive_timeout: seconds in which a body must arrive. instances: functions that read items in
    JSON, see `Modality.instance`.
    """

    catalog: Catalog
    max_items: int
    receive_timeout: float
    instances: Sequence[Callable[[Any], Payload | None]]


class ItemEndpoint:
    """Answers the requests of one task as plain ASGI: items in the body, options in the query."""

    def __init__(self, serving: Serving, task: Task) -> None:
        self._serving, self._task = serving, task
        self._default_options = task.options()
        self._renderings: Mapping[str, Callable[[Manifest, Sequence[Any]], bytes]] = {
            JSON: self._json,
            **task.renderings,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error, which `edge` answers."""
        serving, task, query = self._serving, self._task, scope["query_string"]
        record = record_of(scope)
        record.operation = task.name
        options = parse_options(query, task.options) if query else self._default_options
        served = await named(serving.catalog, record, **scope["path_params"])
        if served is not None:
            served.pipeline.require(task.name)  # before the body is read
            served.require_room()
        body = await read_body(receive, serving.receive_timeout)
        content_type = header(scope, b"content-type")
        payloads = parse_body(body, content_type, serving.max_items, serving.instances)
        if served is None:
            served = serving.catalog.for_media_type(payloads[0].media_type)
            record.model, record.version = served.manifest.name, served.manifest.version
        elif served.closed:
            served = await replaced(serving.catalog, task, scope)
        record.items = len(payloads)
        _check_media_types(served, payloads)
        timings, manifest = Timings(), served.manifest
        answers = await served.answer(payloads, options, timings, partial(disconnected, receive))
        record.timings, record.abstained = timings, task.abstained(answers)
        media_type = self._media_type(scope)
        rendered = self._renderings[media_type](manifest, answers)
        await send_answer(send, rendered, media_type, timings)

    def _media_type(self, scope: Scope) -> str:
        if len(self._renderings) == 1:
            return JSON
        return preferred(header(scope, b"accept"), tuple(self._renderings))

    def _json(self, manifest: Manifest, answers: Sequence[Any]) -> bytes:
        item = self._task.item
        answer = {
            "model": manifest.name,
            "version": manifest.version,
            self._task.plural: [item(each) for each in answers],
        }
        return orjson.dumps(answer)


async def named(
    catalog: Catalog, record: RequestRecord, model: str = "", version: str = ""
) -> ServedModel | None:
    """Return the model that an address names; raise `UnknownModel` or `NotReady`.

    version: digits, of which the route lets no more pass than a version may have. Notes in `record`
    the names of what is published, and of nothing else.
    """
    if not model:
        return None
    number = int(version) if version else None
    try:
        served = await catalog.find(model, number)
    except NotReady:
        record.model, record.version = model, number or ""
        raise
    record.model, record.version = served.manifest.name, served.manifest.version
    return served


async def replaced(catalog: Catalog, task: Task, scope: Scope) -> ServedModel:
    """Return what took the place of a model that was unloaded while the body arrived."""
    served = await named(catalog, record_of(scope), **scope["path_params"])
    assert served is not None
    served.pipeline.require(task.name)
    return served


def header(scope: Scope, name: bytes) -> str:
    """Return the first header of that name, given in lower case; an empty text without one."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def _check_media_types(served: ServedModel, payloads: list[Payload]) -> None:
    for index, payload in enumerate(payloads):
        kind = payload.media_type
        if kind != SNIFFED and (not served.accepts(kind) or is_json(kind)):
            which = f"item {index}: " if len(payloads) > 1 else ""
            raise UnsupportedMedia(
                f"{which}{served.manifest.name} takes {served.media_types} (or {SNIFFED}), "
                "but another media type was declared"
            )


async def send_answer(send: Send, body: bytes, media_type: str, timings: Timings) -> None:
    """Send a complete answer."""
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % len(body)),
        (b"server-timing", timings.header().encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

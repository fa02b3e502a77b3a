"""The endpoint of every task that takes items: it parses, calls `serving`, and renders answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from app.api.accept import preferred
from app.api.item_request import JSON, ItemRequest, Serving, header
from app.api.payload import parse_body
from app.api.query import parse_options
from app.bundle import Manifest
from app.modalities.payload import SNIFFED
from app.tasks import Task


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
        request = ItemRequest(serving, scope, receive, task)
        options = parse_options(query, task.options) if query else self._default_options
        content_type = header(scope, b"content-type")
        if which := scope["path_params"]:
            await request.find(**which)
            request.require(task)  # before the body is read
            content_type = content_type or SNIFFED  # RFC 9110, 8.3; the model says what it is
        body = await request.body()
        payloads = parse_body(body, content_type, serving.max_items, serving.instances)
        answers = await request.answer(payloads, options)
        assert request.served is not None
        media_type = self._media_type(scope)
        rendered = self._renderings[media_type](request.served.manifest, answers)
        await request.send(send, rendered, media_type)

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

"""The endpoint of tasks that answer in steps: one answer at the end, or a stream of steps.

Streamed, the answer is server-sent events whose data are JSON: one for each step, then `done`, or
`error` with a problem. What is refused before the first step is refused with its status.
"""

from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from app.api.item_request import JSON, ItemRequest, Serving, header
from app.api.payload import is_json, split_content_type
from app.api.problems import note, problem_for
from app.api.query import parse_options
from app.errors import ClientDisconnected, UnsupportedMedia
from app.serving.model import ServedModel
from app.tasks import Task
from app.tasks.task import Generation, Steps

_EVENTS = "text/event-stream"


class GenerationEndpoint:
    """Answers the requests of one task as plain ASGI: the body of each is JSON."""

    def __init__(self, serving: Serving, task: Task, steps: Steps) -> None:
        self._serving, self._task, self._steps = serving, task, steps

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; raise every error that comes before the first step."""
        serving, task, steps = self._serving, self._task, self._steps
        asked = ItemRequest(serving, scope, receive, task)
        if scope["query_string"]:
            parse_options(scope["query_string"], task.options)  # refuses them all
        await asked.find(**scope["path_params"])  # every route here names a model
        asked.require(task)  # before the body is read
        content_type = header(scope, b"content-type")
        if content_type and not is_json(split_content_type(content_type)[0]):
            raise UnsupportedMedia(
                f"expected a body of {JSON}, but another media type was declared"
            )
        request = steps.parse(await asked.body())
        served = await asked.still_served()
        generation = steps.start(served.pipeline.encoder, request)
        if _EVENTS in header(scope, b"accept"):
            await _Stream(scope, send, steps).run(asked, generation)
        else:
            await asked.generate(generation)
            await asked.send(send, orjson.dumps(_named(served, steps.whole(generation))))


class _Stream:
    """Sends the steps of one generation as events."""

    def __init__(self, scope: Scope, send: Send, steps: Steps) -> None:
        self._scope, self._send, self._steps = scope, send, steps
        self._started = False

    async def run(self, asked: ItemRequest, generation: Generation) -> None:
        """Send every step, then the end or an error; raise an error before the first step."""
        assert asked.served is not None
        try:
            await asked.generate(generation, self._step)
        except ClientDisconnected as error:
            if not self._started:
                raise
            note(self._scope, error)
            return  # nobody reads the rest
        except Exception as error:
            if not self._started:
                raise
            note(self._scope, error)
            await self._event("error", problem_for(error, self._scope["request_id"])[0])
        else:
            await self._event("done", _named(asked.served, self._steps.summary(generation)))
        await self._send({"type": "http.response.body", "body": b""})

    async def _step(self, step: Any) -> None:
        if not self._started:
            self._started = True
            headers = [(b"content-type", _EVENTS.encode())]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._event(self._steps.event, self._steps.step(step))

    async def _event(self, name: str, data: dict[str, Any]) -> None:
        body = b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


def _named(served: ServedModel, answer: dict[str, Any]) -> dict[str, Any]:
    return {"model": served.manifest.name, "version": served.manifest.version, **answer}

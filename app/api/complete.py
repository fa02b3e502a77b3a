"""The completion routes: going on from a text, whole or streamed word by word.

Streamed, the answer is server-sent events whose data are JSON: a `word` each, then `done`, or
`error` with a problem. What is refused before the first word is refused with its status.
"""

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from app.api import schemas
from app.api.body import departure, read_body
from app.api.endpoint import JSON, Serving, header, named, send_answer
from app.api.fast_path import HotRoute, model_routes
from app.api.openapi import COMPLETE
from app.api.problems import problem_for
from app.errors import Departed, InvalidInput, MalformedRequest, TooLarge, UnsupportedMedia
from app.modalities import Payload
from app.pipeline import Continuation, Manner, NextWord, Word, begin
from app.serving.model import ServedModel
from app.telemetry import Timings

LONGEST_TEXT = 65_536  # characters
_LONGEST_BODY = 12 * LONGEST_TEXT + 4096  # bytes, were every character escaped
_FIELDS = ", ".join(schemas.Completion.model_fields)
_EVENTS = b"text/event-stream"


def routes(serving: Serving) -> list[HotRoute]:
    """Return the routes."""
    return model_routes("complete", Complete(serving), complete, complete_version, **COMPLETE)


def complete(model: str, completion: schemas.Completion) -> None:
    """Go on from a text with the newest ready version of a model."""


def complete_version(model: str, version: int, completion: schemas.Completion) -> None:
    """Go on from a text with one version of a model."""


class Complete:
    """Answers completions as plain ASGI."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error before the first word is raised."""
        serving = self._serving
        served = await named(serving.catalog, **scope["path_params"])
        assert served is not None  # every route here names a model
        served.pipeline.decoder(NextWord)  # before the body is read
        content_type = header(scope, b"content-type")
        if content_type and "json" not in content_type:
            raise UnsupportedMedia("a completion is asked for in application/json")
        asked = _parsed(await read_body(receive, serving.seconds))
        seed = secrets.randbits(32) if asked.seed is None else asked.seed
        manner = Manner(
            asked.max_words, asked.temperature, seed, asked.alternatives, asked.sentence
        )
        payload = Payload(asked.text.encode(), "text/plain")
        continuation, timings = begin(served.pipeline, payload, manner), Timings()
        about = {"seed": seed} if asked.temperature else {}
        gone = partial(departure, receive)
        if _EVENTS.decode() in header(scope, b"accept"):
            await _Stream(scope, send, about).run(served, continuation, gone)
        else:
            await served.complete(continuation, timings, _silently, gone)
            words = [schemas.word(word) for word in continuation.words]
            answer = _summary(served, continuation, {"words": words, **about})
            await send_answer(send, orjson.dumps(answer), JSON, timings)
        manifest = served.manifest
        serving.metrics.served(manifest.name, manifest.version, 1, timings)


class _Stream:
    """Sends the words of one continuation as events."""

    def __init__(self, scope: Scope, send: Send, about: dict[str, Any]) -> None:
        self._scope, self._send, self._about = scope, send, about
        self._started = False

    async def run(
        self, served: ServedModel, continuation: Continuation, gone: Callable[[], Any]
    ) -> None:
        """Go on to the end, or to an error; raise one that comes before the first word."""
        try:
            await served.complete(continuation, Timings(), self._word, gone)
        except Departed:
            if not self._started:
                raise
            return  # nobody is left to be told
        except Exception as error:
            if not self._started:
                raise
            await self._event("error", problem_for(error, self._scope["request_id"])[0])
        else:
            await self._event("done", _summary(served, continuation, self._about))
        await self._send({"type": "http.response.body", "body": b""})

    async def _word(self, word: Word) -> None:
        if not self._started:
            self._started = True
            headers = [(b"content-type", _EVENTS), (b"cache-control", b"no-store")]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._event("word", schemas.word(word))

    async def _event(self, name: str, data: dict[str, Any]) -> None:
        body = b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(data))
        await self._send({"type": "http.response.body", "body": body, "more_body": True})


def _summary(
    served: ServedModel, continuation: Continuation, about: dict[str, Any]
) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "model": served.manifest.name,
        "version": served.manifest.version,
        "text": continuation.text,
        "finished": continuation.finished,
        **about,
    }
    if continuation.truncated:
        answer["truncated"] = continuation.truncated
    return answer


def _parsed(body: bytes) -> schemas.Completion:
    """Return what is asked for; raise `TooLarge`, `MalformedRequest` or `InvalidInput`."""
    too_large = TooLarge(f"expected a text of at most {LONGEST_TEXT} characters, got more")
    if len(body) > _LONGEST_BODY:
        raise too_large
    try:
        asked = schemas.Completion.model_validate(orjson.loads(body), strict=True)
    except orjson.JSONDecodeError:
        raise MalformedRequest('expected JSON such as {"text": "We the people"}') from None
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":  # its name is the client's and is not repeated
            raise InvalidInput(f"expected no other fields than {_FIELDS}") from None
        raise InvalidInput(": ".join([*map(str, first["loc"]), first["msg"]])) from None
    if len(asked.text) > LONGEST_TEXT:
        raise too_large
    return asked


async def _silently(_word: Word) -> None:
    pass

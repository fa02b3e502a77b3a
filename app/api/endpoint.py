"""What all endpoints that take items have in common. They translate; `serving` does the work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.body import departure, read_body
from app.api.payload import SNIFFED, parse_body
from app.bundle import Manifest
from app.errors import UnsupportedMedia
from app.metrics import Metrics
from app.modalities import Payload
from app.pipeline import Wanted
from app.serving.catalog import Catalog
from app.serving.model import ServedModel
from app.telemetry import Timings

JSON = b"application/json"
_LONGEST_VERSION = 18  # digits


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers requests, and what they may hold."""

    catalog: Catalog
    metrics: Metrics
    max_items: int
    seconds: float  # for a body to arrive


@dataclass(frozen=True, slots=True)
class Translation:
    """A kind of request: what it wants of a model, and how the answers are written.

    wanted: of a request's scope; raises `InvalidInput`. written: body and media type, of the
    scope, the model that answered and its answers. withheld: how many of them are abstained; of
    answers that cannot be, None.
    """

    wanted: Callable[[Scope], Wanted[Any]]
    written: Callable[[Scope, Manifest, Sequence[Any]], tuple[bytes, bytes]]
    withheld: Callable[[Sequence[Any]], int | None] = lambda _: None


class Endpoint:
    """Answers one kind of request as plain ASGI."""

    def __init__(self, serving: Serving, translation: Translation) -> None:
        self._serving = serving
        self._wanted, self._written = translation.wanted, translation.written
        self._withheld = translation.withheld

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error is raised, for `limits` to answer."""
        serving, wanted = self._serving, self._wanted(scope)
        served = await named(serving.catalog, **scope["path_params"])
        if served is not None:
            served.pipeline.decoder(type(wanted))  # before the body is read
        body = await read_body(receive, serving.seconds)
        payloads = parse_body(body, header(scope, b"content-type"), serving.max_items)
        served = served or serving.catalog.for_media_type(payloads[0].media_type)
        _check_media_types(served, payloads)
        timings, manifest = Timings(), served.manifest
        answers = await served.answer(payloads, wanted, timings, partial(departure, receive))
        serving.metrics.served(manifest.name, manifest.version, len(answers), timings)
        if (withheld := self._withheld(answers)) is not None:
            serving.metrics.abstained(manifest.name, manifest.version, withheld)
        await send_answer(send, *self._written(scope, manifest, answers), timings)


async def named(catalog: Catalog, model: str = "", version: str = "") -> ServedModel | None:
    """Return the model that an address names; raise `UnknownModel` or `NotReady`."""
    if not model:
        return None
    return await catalog.find(model, int(version[:_LONGEST_VERSION]) if version else None)


def header(scope: Scope, name: bytes) -> str:
    """Return the first header of that name, which is in lower case; empty without one."""
    found = (value for key, value in scope["headers"] if key == name)
    return next(found, b"").decode("latin-1")


def _check_media_types(served: ServedModel, payloads: list[Payload]) -> None:
    for index, payload in enumerate(payloads):
        if payload.media_type != SNIFFED and not served.pipeline.encoder.accepts(
            payload.media_type
        ):
            which = f"item {index}: " if len(payloads) > 1 else ""
            taken = served.pipeline.encoder.media_types
            raise UnsupportedMedia(
                f"{which}{served.manifest.name} takes {taken} (or {SNIFFED}), "
                "but another media type was declared"
            )


async def send_answer(send: Send, body: bytes, media_type: bytes, timings: Timings) -> None:
    """Send an answer that is known as a whole."""
    headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"server-timing", timings.header().encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

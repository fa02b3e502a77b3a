"""The classification endpoint. It translates; `serving` does the work."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import Query
from pydantic import TypeAdapter, ValidationError
from starlette.types import Receive, Scope, Send

from app.api import schemas
from app.api.body import departure, read_body
from app.api.openapi import CLASSIFY
from app.api.payload import SNIFFED, parse_body
from app.api.shortcut import HotRoute
from app.errors import InvalidInput, UnsupportedMedia
from app.inputs import Payload
from app.metrics import Metrics
from app.serving.catalog import Catalog
from app.serving.model import ServedModel
from app.telemetry import Timings

EXPLAINED = (
    "Say what led to the label: of a tree its every phrase, of a text a weight for every token, "
    "of a picture or a sound a map. A model that cannot tell answers without `explanation`"
)
TopK = Annotated[int, Query(ge=1, le=1000, description="How many labels to rank")]
Explain = Annotated[bool, Query(description=EXPLAINED)]
TOP_K = 5
_TOP_K: TypeAdapter[int] = TypeAdapter(TopK)
_EXPLAIN: TypeAdapter[bool] = TypeAdapter(Explain)
Value = TypeVar("Value")
_LONGEST_VERSION = 18  # digits


class Classify:
    """Answers the three classification routes as plain ASGI."""

    def __init__(self, catalog: Catalog, metrics: Metrics, *, max_items: int, seconds: float):
        self._catalog = catalog
        self._metrics = metrics
        self._max_items = max_items
        self._seconds = seconds  # for a body to arrive

    def routes(self) -> list[HotRoute]:
        """Return the routes, the most frequented first."""
        model = "/v1/models/{model}"
        documented: dict[str, Callable[..., None]] = {
            f"{model}/classify": classify,
            f"{model}/versions/{{version:int}}/classify": classify_version,
            "/v1/classify": classify_by_media_type,
        }
        return [
            HotRoute(path, function, self, tags=["classify"], **CLASSIFY)
            for path, function in documented.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; every error is raised, for `limits` to answer."""
        top_k, explain = _wanted(scope["query_string"])
        served = await self._named(**scope["path_params"])
        body = await read_body(receive, self._seconds)
        payloads = parse_body(body, _content_type(scope), self._max_items)
        served = served or self._catalog.for_media_type(payloads[0].media_type)
        _check_media_types(served, payloads)
        timings, manifest = Timings(), served.manifest
        predictions = await served.classify(
            payloads, top_k, timings, partial(departure, receive), explain=explain
        )
        self._metrics.classified(manifest.name, manifest.version, len(predictions), timings)
        answer = {
            "model": manifest.name,
            "version": manifest.version,
            "predictions": [schemas.answer(prediction) for prediction in predictions],
        }
        await _send(send, orjson.dumps(answer), timings)

    async def _named(self, model: str = "", version: str = "") -> ServedModel | None:
        if not model:
            return None
        return await self._catalog.find(model, int(version[:_LONGEST_VERSION]) if version else None)


def classify(model: str, top_k: TopK = TOP_K, explain: Explain = False) -> None:
    """Classify with the newest ready version of a model."""


def classify_version(
    model: str, version: int, top_k: TopK = TOP_K, explain: Explain = False
) -> None:
    """Classify with one version of a model."""


def classify_by_media_type(top_k: TopK = TOP_K, explain: Explain = False) -> None:
    """Classify with the default model for the media type of the first item."""


def _wanted(query: bytes) -> tuple[int, bool]:
    """Return how many labels are wanted, and whether what led to them is."""
    if not query:
        return TOP_K, False
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return _read("top_k", given, _TOP_K, TOP_K), _read("explain", given, _EXPLAIN, False)


def _read(name: str, given: Mapping[str, str], kind: TypeAdapter[Value], default: Value) -> Value:
    if name not in given:
        return default
    try:
        return kind.validate_python(given[name])
    except ValidationError as error:
        raise InvalidInput(f"query.{name}: {error.errors()[0]['msg']}") from None


def _content_type(scope: Scope) -> str:
    found = (value for name, value in scope["headers"] if name == b"content-type")
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


async def _send(send: Send, body: bytes, timings: Timings) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"server-timing", timings.header().encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

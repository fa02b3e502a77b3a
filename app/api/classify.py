"""The classification routes. They translate; `serving` does the work."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from app.api import schemas
from app.api.departure import unless_departed
from app.api.openapi import CLASSIFY
from app.api.payload import SNIFFED, parse_body
from app.errors import UnsupportedMedia
from app.inputs import Payload
from app.outputs import Asked
from app.serving.model import ServedModel
from app.telemetry import Timings

router = APIRouter(tags=["classify"])
TopK = Annotated[int, Query(ge=1, le=1000, description="How many labels to rank")]
Explain = Annotated[bool, Query(description="Say what led to it: of a tree, its every phrase")]


@router.post("/v1/models/{model}/classify", **CLASSIFY)
async def classify(
    request: Request, model: str, top_k: TopK = 5, explain: Explain = False
) -> Response:
    """Classify with the newest ready version of a model."""
    served = request.app.state.catalog.find(model)
    return await _answer(request, served, await _payloads(request), Asked(top_k, explain))


@router.post("/v1/models/{model}/versions/{version}/classify", **CLASSIFY)
async def classify_version(
    request: Request, model: str, version: int, top_k: TopK = 5, explain: Explain = False
) -> Response:
    """Classify with one version of a model."""
    served = request.app.state.catalog.find(model, version)
    return await _answer(request, served, await _payloads(request), Asked(top_k, explain))


@router.post("/v1/classify", **CLASSIFY)
async def classify_by_media_type(
    request: Request, top_k: TopK = 5, explain: Explain = False
) -> Response:
    """Classify with the default model for the media type of the first item."""
    payloads = await _payloads(request)
    served = request.app.state.catalog.for_media_type(payloads[0].media_type)
    return await _answer(request, served, payloads, Asked(top_k, explain))


async def _payloads(request: Request) -> list[Payload]:
    content_type = request.headers.get("content-type", "")
    return parse_body(await request.body(), content_type, request.app.state.max_items)


async def _answer(
    request: Request, served: ServedModel, payloads: list[Payload], asked: Asked
) -> Response:
    _check_media_types(served, payloads)
    timings, manifest = Timings(), served.manifest
    work = served.classify(payloads, asked, timings)
    predictions = await unless_departed(request, work)
    request.app.state.metrics.classified(manifest.name, manifest.version, len(predictions), timings)
    body = {
        "model": manifest.name,
        "version": manifest.version,
        "predictions": [schemas.answer(prediction) for prediction in predictions],
    }
    return Response(
        orjson.dumps(body),
        media_type="application/json",
        headers={"Server-Timing": timings.header()},
    )


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

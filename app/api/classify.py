"""The classification routes: what a request wants, and how predictions are written."""

from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar
from urllib.parse import parse_qsl

import orjson
from fastapi import Query
from pydantic import TypeAdapter, ValidationError
from starlette.types import Scope

from app.api import schemas
from app.api.endpoint import JSON, Endpoint, Serving, Translation
from app.api.fast_path import HotRoute, model_routes
from app.api.openapi import described
from app.bundle import Manifest
from app.errors import InvalidInput
from app.outputs import Prediction
from app.pipeline import CLASSES, Classes

EXPLAINED = (
    "Say what led to the label: of a tree its every phrase, of a text a weight for every token, "
    "of a picture or a sound a map. A model that cannot tell answers without `explanation`"
)
TopK = Annotated[int, Query(ge=1, le=1000, description="How many labels to rank")]
Explain = Annotated[bool, Query(description=EXPLAINED)]
_TOP_K: TypeAdapter[int] = TypeAdapter(TopK)
_EXPLAIN: TypeAdapter[bool] = TypeAdapter(Explain)
Value = TypeVar("Value")


def routes(serving: Serving) -> list[HotRoute]:
    """Return the routes, the most frequented first."""
    endpoint = Endpoint(serving, Translation(_wanted, _written, _withheld))
    extra = described(schemas.Classification)
    return [
        *model_routes("classify", endpoint, classify, classify_version, **extra),
        HotRoute("/v1/classify", classify_by_media_type, endpoint, tags=["classify"], **extra),
    ]


def classify(model: str, top_k: TopK = CLASSES.top_k, explain: Explain = False) -> None:
    """Classify with the newest ready version of a model."""


def classify_version(
    model: str, version: int, top_k: TopK = CLASSES.top_k, explain: Explain = False
) -> None:
    """Classify with one version of a model."""


def classify_by_media_type(top_k: TopK = CLASSES.top_k, explain: Explain = False) -> None:
    """Classify with the default model for the media type of the first item."""


def _wanted(scope: Scope) -> Classes:
    query: bytes = scope["query_string"]
    if not query:
        return CLASSES
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    top_k = _read("top_k", given, _TOP_K, CLASSES.top_k)
    return Classes(top_k, _read("explain", given, _EXPLAIN, CLASSES.explain))


def _read(name: str, given: Mapping[str, str], kind: TypeAdapter[Value], default: Value) -> Value:
    if name not in given:
        return default
    try:
        return kind.validate_python(given[name])
    except ValidationError as error:
        raise InvalidInput(f"query.{name}: {error.errors()[0]['msg']}") from None


def _written(
    _scope: Scope, manifest: Manifest, predictions: Sequence[Prediction]
) -> tuple[bytes, bytes]:
    answer = {
        "model": manifest.name,
        "version": manifest.version,
        "predictions": [schemas.answer(prediction) for prediction in predictions],
    }
    return orjson.dumps(answer), JSON


def _withheld(predictions: Sequence[Prediction]) -> int | None:
    if predictions[0].abstained is None:
        return None
    return sum(prediction.abstained is True for prediction in predictions)

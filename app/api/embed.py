"""The routes of feature extraction: what a network made of each item before its last layer."""

from collections.abc import Callable, Sequence

import orjson
from starlette.types import Scope

from app.api.endpoint import JSON, Endpoint, Serving, Translation
from app.api.openapi import described
from app.api.schemas import Embeddings
from app.api.shortcut import HotRoute
from app.bundle import Manifest
from app.pipeline import Features

_FEATURES = Features()


def routes(serving: Serving) -> list[HotRoute]:
    """Return the routes, the most frequented first."""
    endpoint, model = Endpoint(serving, Translation(_wanted, _written)), "/v1/models/{model}"
    documented: dict[str, Callable[..., None]] = {
        f"{model}/embed": embed,
        f"{model}/versions/{{version:int}}/embed": embed_version,
    }
    return [
        HotRoute(path, function, endpoint, tags=["embed"], **described(Embeddings))
        for path, function in documented.items()
    ]


def embed(model: str) -> None:
    """Return the features of each item by the newest ready version of a model that has some."""


def embed_version(model: str, version: int) -> None:
    """Return the features of each item by one version of a model that has some."""


def _wanted(_scope: Scope) -> Features:
    return _FEATURES


def _written(
    _scope: Scope, manifest: Manifest, embeddings: Sequence[tuple[float, ...]]
) -> tuple[bytes, bytes]:
    answer = {"model": manifest.name, "version": manifest.version, "embeddings": embeddings}
    return orjson.dumps(answer), JSON

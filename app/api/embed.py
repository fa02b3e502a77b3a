"""The routes of feature extraction: what a network made of each item before its last layer."""

from collections.abc import Sequence

import orjson
from starlette.types import Scope

from app.api.endpoint import JSON, Endpoint, Serving, Translation
from app.api.fast_path import HotRoute, model_routes
from app.api.openapi import described
from app.api.schemas import Embeddings
from app.bundle import Manifest
from app.pipeline import Features

_FEATURES = Features()


def routes(serving: Serving) -> list[HotRoute]:
    """Return the routes."""
    endpoint = Endpoint(serving, Translation(_wanted, _written))
    return model_routes("embed", endpoint, embed, embed_version, **described(Embeddings))


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

"""The type `HttpDialect`: everything by which one dialect of HTTP differs from the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from app.api.fast_path import FastRoute
from app.api.item_request import Serving
from app.bundle import Registry
from app.serving.model import ServedModel


def _without_examples(_paths: Mapping[str, Any], _ready: Sequence[ServedModel]) -> None:
    """Add no example."""


@dataclass(frozen=True, slots=True)
class DialectRow:
    """A row of the table of dialects: how a task is asked for at one address, and answered.

    modalities: those of models that can be asked so. address: method and path. asks: the request
    of one item. answers: the answer to it. (`docs/reference/dialects.md`)
    """

    task: str
    modalities: tuple[str, ...]
    address: str
    asks: str
    answers: str


@dataclass(frozen=True, slots=True)
class HttpDialect:
    """One dialect.

    name: its tag in the OpenAPI document, where people read it.
    routes: of the requests that ask a model about items. They answer before FastAPI.
    rows: what can be asked at them.
    router: of what FastAPI answers, such as metadata; its routes use `request.app.state.catalog`.
    illustrate: (the OpenAPI document's paths, the ready models) -> adds examples to its own paths.
        The models' golden cases (`ServedModel.example`) make examples that are true.
    """

    name: str
    routes: Callable[[Serving, Registry], Sequence[FastRoute]]
    rows: tuple[DialectRow, ...] = ()
    router: APIRouter | None = None
    illustrate: Callable[[Mapping[str, Any], Sequence[ServedModel]], None] = _without_examples

"""The routes of all tasks: addresses with a model, with a model and version, and with neither."""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any

from fastapi import Query

from app.api.endpoint import ItemEndpoint
from app.api.fast_path import FastRoute
from app.api.generation import GenerationEndpoint
from app.api.item_request import Serving
from app.api.openapi import by_media_type, describe_generation, describe_items
from app.bundle import Registry
from app.serving.defaults import DEFAULT_TASK
from app.tasks import Task

MODEL_PATH = "/v1/models/{model}"
_SERVING = "with the version of a model that serves"
_VERSION = "with one version of a model"
_BY_MEDIA_TYPE = "with the default model for the media type of the first item"


def routes(serving: Serving, registry: Registry) -> list[FastRoute]:
    """Return the routes of every task, in the order of the registry."""
    return [route for task in registry.tasks.values() for route in _of(task, serving, registry)]


def _of(task: Task, serving: Serving, registry: Registry) -> list[FastRoute]:
    answer: ItemEndpoint | GenerationEndpoint = ItemEndpoint(serving, task)
    if task.steps is not None:
        answer = GenerationEndpoint(serving, task, task.steps)
    by_name, by_version = (("model", str),), (("model", str), ("version", int))
    described = {
        f"{MODEL_PATH}/{task.name}": _function(task, "", _SERVING, by_name),
        f"{MODEL_PATH}/versions/{{version:int}}/{task.name}": _function(
            task, "version", _VERSION, by_version
        ),
    }
    extra = _extra(task, registry)
    found = [
        FastRoute(path, function, answer, tags=[task.name], **extra)
        for path, function in described.items()
    ]
    if task.name == DEFAULT_TASK:
        function = _function(task, "by_media_type", _BY_MEDIA_TYPE, ())
        chosen = by_media_type(extra)
        found.append(FastRoute(f"/v1/{task.name}", function, answer, tags=[task.name], **chosen))
    return found


def _extra(task: Task, registry: Registry) -> dict[str, Any]:
    if task.steps is not None:
        return describe_generation(task.steps)
    return describe_items(task, registry)


def _function(
    task: Task, suffix: str, how: str, path: tuple[tuple[str, type], ...]
) -> Callable[..., None]:
    """Return a function whose signature describes a route; it is never called."""
    keyword = Parameter.KEYWORD_ONLY
    parameters = [Parameter(name, keyword, annotation=kind) for name, kind in path]
    if task.options.model_fields:
        options: Any = task.options
        annotation = Annotated[options, Query()]
        parameters.append(Parameter("options", keyword, annotation=annotation))
    if task.steps is not None:
        parameters.append(Parameter("request", keyword, annotation=task.steps.request))

    def described() -> None:
        pass

    described.__name__ = "_".join(filter(None, (task.name, suffix)))
    described.__doc__ = f"{task.about} {how}."
    described.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return described

"""`thalamus serve`: an option for each field of the settings."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic.fields import FieldInfo

from app.bundle import Registry
from app.settings import Settings, read_settings, variable_of

_METAVARS = {"int": "N", "float": "X", "str": "TEXT"}
_GROUPS = {
    Group("Address and models", sort_key=1): (
        *("models", "host", "port", "root_path", "defaults", "poll"),
    ),
    Group("Computing", sort_key=2): ("device", "cuda_graphs", "workers", "threads", "max_batch"),
    Group("Access", sort_key=3): (
        *("keys_file", "allow_anonymous", "allowed_hosts", "cors_origins"),
    ),
    Group("Limits", sort_key=4): (
        *("max_body", "max_items", "max_queue", "max_queue_seconds", "max_requests", "max_bytes"),
        *("max_decode_bytes", "max_head", "max_connections", "head_timeout", "receive_timeout"),
        *("deadline", "load_timeout", "send_timeout", "keep_alive", "lame_duck", "watchdog"),
    ),
}
_OTHER = Group("Other settings", sort_key=5)


def serve(
    *, registry: Annotated[Callable[[], Registry], Parameter(parse=False)], **given: Any
) -> None:
    """Answer requests over HTTP. Settings come from options, the environment and the defaults.

    registry: the tasks and modalities to serve.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = read_settings(chosen, _option)

    from app.factory import create_app
    from app.process.give_up import give_up
    from app.process.serve import serve

    known = registry()
    create = partial(create_app, tasks=known.tasks, modalities=known.modalities)
    serve(settings, partial(create, give_up=give_up))


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the option of a setting. Its default is None, so that the environment counts then.

    The settings parse its numbers and texts, as they parse those of the environment.
    """
    kind: Any = _kind(field)
    written = f" Written {_option(name)}.KEY VALUE." if get_origin(kind) is dict else ""
    about = f"{str(field.description or '').rstrip('.')}.{written}"
    described: dict[str, Any] = {
        "help": f"{about} Environment: {variable_of(name)}.",
        "show_default": field.default is not None and (lambda _: _shown(field.default)),
        "group": next((group for group, names in _GROUPS.items() if name in names), _OTHER),
    }
    if kind is bool:
        described["negative"] = (_option(f"no_{name}"),)
    elif get_origin(kind) is tuple:  # written as one text
        kind, described["metavar"] = str, "TEXT,TEXT"
    elif get_origin(kind) not in (Literal, dict):
        described["metavar"] = _METAVARS.get(kind.__name__, "PATH")
        kind = kind if kind.__name__ not in _METAVARS else str
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind | None, Parameter(**described)],
    )


def _kind(field: FieldInfo) -> Any:
    """Return the type of a setting; None, the default of some, is no value that can be given."""
    kind: Any = field.annotation
    return next(iter(get_args(kind))) if isinstance(kind, UnionType) else kind


def _shown(default: object) -> str:
    if isinstance(default, Mapping):
        return ", ".join(f"{key}: {value}" for key, value in default.items())
    if default == ():
        return "none"
    if isinstance(default, bool):
        return "yes" if default else "no"
    return str(default) or "none"


_REGISTRY = inspect.Parameter(
    "registry",
    inspect.Parameter.KEYWORD_ONLY,
    annotation=Annotated[Any, Parameter(parse=False)],
)
serve.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [_REGISTRY, *(_parameter(name, field) for name, field in Settings.model_fields.items())]
)

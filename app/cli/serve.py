"""`thalamus serve`: an option for each field of the settings."""

import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin

from cyclopts import Group, Parameter
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import SettingsError

from app.bundle import Registry
from app.errors import OperatorError
from app.settings import Settings

_PREFIX = Settings.model_config["env_prefix"]
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
_SIMILAR = 0.8  # of two names, as difflib measures it
_EXAMPLE = {"image": "imagenet"}  # of a setting that is a mapping


def serve(
    *, registry: Annotated[Callable[[], Registry], Parameter(parse=False)], **given: Any
) -> None:
    """Answer requests over HTTP. Settings come from options, the environment and the defaults.

    registry: the tasks and modalities to serve.
    """
    settings = read_settings({name: value for name, value in given.items() if value is not None})

    from app.factory import create_app
    from app.process.give_up import give_up
    from app.process.serve import serve

    known = registry()
    create = partial(create_app, tasks=known.tasks, modalities=known.modalities)
    serve(settings, partial(create, give_up=give_up))


def read_settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings, in which `given` comes first; raise `OperatorError` for a bad value.

    A given mapping is merged with that of the environment or the default. A variable that looks
    like a misspelt setting is an error; others may be about something else.
    """
    _refuse_misspelt(os.environ)
    try:
        merged = {name: value for name, value in given.items() if isinstance(value, dict)}
        configured = Settings(**{n: v for n, v in given.items() if n not in merged})
        for name, value in merged.items():
            merged[name] = {**getattr(configured, name), **value}
        settings = Settings(**{**given, **merged})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        source = _option(name) if name in given else _variable(name)
        reason = _reason(first["type"], first["msg"])
        raise OperatorError(f"{source}: {reason}, got {str(first['input'])!r}") from error
    except SettingsError as error:
        wrong = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "*")
        expected = f"expected JSON, such as {json.dumps(_EXAMPLE)}"
        raise OperatorError(f"{_variable(wrong)}: {expected} ({error.__cause__})") from error
    if settings.max_bytes < settings.max_body:  # nobody could send the largest body
        least, got = f"at least {_variable('max_body')}, {settings.max_body}", settings.max_bytes
        raise OperatorError(f"{_variable('max_bytes')}: expected {least}, got {got}")
    return settings


def _refuse_misspelt(variables: Iterable[str]) -> None:
    for variable in variables:
        name = variable.upper().removeprefix(_PREFIX).lower()
        if variable.upper().startswith(_PREFIX) and name not in Settings.model_fields:
            near = get_close_matches(name, Settings.model_fields, n=1, cutoff=_SIMILAR)
            if near:
                meant = f"did you mean {_variable(near[0])}?"
                raise OperatorError(f"{variable}: there is no such setting; {meant}")


def _reason(kind: str, message: str) -> str:
    """Return what pydantic expects, in the words of the command line."""
    if kind == "path_not_directory":
        return "expected a folder that exists"
    if kind == "value_error":  # of a check of ours
        return message.removeprefix("Value error, ")
    if kind == "string_too_short":  # the address to listen on is the only such setting
        return "expected an address or a host name, such as 127.0.0.1"
    if kind == "string_pattern_mismatch":  # the prefix of addresses is the only such setting
        return "expected a path that starts with a slash and does not end with one, such as /ml"
    expected = message.replace("Input should be", "expected")
    return expected if kind == "literal_error" else expected.partition(",")[0]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _variable(name: str) -> str:
    return f"{_PREFIX}{name.upper()}"


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the option of a setting. Its default is None, so that the environment counts then.

    The settings parse its numbers and texts, as they parse those of the environment.
    """
    kind: Any = _kind(field)
    written = f" Written {_option(name)}.KEY VALUE." if get_origin(kind) is dict else ""
    about = f"{str(field.description or '').rstrip('.')}.{written}"
    described: dict[str, Any] = {
        "help": f"{about} Environment: {_variable(name)}.",
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

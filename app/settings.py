"""The service's settings: environment variables with the prefix `THALAMUS_`."""

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from app.errors import OperatorError
from app.hosts import check_host_pattern, check_origin

_PREFIX = "THALAMUS_"
_SIMILAR = 0.8  # of two names, as difflib measures it
_EXAMPLE = {"image": "imagenet"}  # of a setting that is a mapping
_JSON_LIST = re.compile(r"\s*\[\s*(?:\"|\])")  # and not an IPv6 address


def _listed(value: Any) -> Any:
    """Return the texts of a list in one text: as JSON, or with commas; other values as they are."""
    if not isinstance(value, str):
        return value
    if _JSON_LIST.match(value):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError(
                'expected texts with commas between them, or as JSON: ["…", "…"]'
            ) from None
    return [text.strip() for text in value.split(",")] if value.strip() else []


class Settings(BaseSettings):
    """Read once by the composition root. Each field is `THALAMUS_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="ignore", allow_inf_nan=False
    )

    models: Annotated[
        DirectoryPath, Field(description="Folder of bundles: NAME/VERSION/manifest.json")
    ] = Path("models")
    host: Annotated[
        str,
        Field(
            min_length=1,  # an empty one would be every network
            description="Address to listen on; 0.0.0.0: every network of this machine",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="TCP port to listen on; 0: any free one")
    ] = 8000
    root_path: Annotated[
        str,
        Field(
            pattern=r"^(/[A-Za-z0-9._~-]+)*$",
            description="Path prefix under which a proxy offers the service, such as /ml",
        ),
    ] = ""
    keys_file: Annotated[
        Path | None,
        Field(description="File of API keys, which requests then need; None: nobody needs one"),
    ] = None
    allow_anonymous: Annotated[
        bool,
        Field(description="Start without keys although other machines may reach the service"),
    ] = False
    allowed_hosts: Annotated[
        tuple[Annotated[str, AfterValidator(check_host_pattern)], ...],
        NoDecode,
        BeforeValidator(_listed),
        Field(
            description="Hosts that requests may name, with commas between them; "
            "*.example.com: all below it; none: any"
        ),
    ] = ()
    cors_origins: Annotated[
        tuple[Annotated[str, AfterValidator(check_origin)], ...],
        NoDecode,
        BeforeValidator(_listed),
        Field(
            description="Origins whose pages may ask, such as https://example.com, with commas "
            "between them; *: any; none: no other than the service's own"
        ),
    ] = ()
    device: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        Field(description="Where to compute; auto: on a GPU if there is one"),
    ] = "auto"
    cuda_graphs: Annotated[
        bool, Field(description="Capture CUDA graphs of models whose inputs have fixed sizes")
    ] = False
    workers: Annotated[
        int,
        Field(ge=0, le=256, description="Worker processes; 0: one per CPU core, or one per GPU"),
    ] = 0
    threads: Annotated[
        int,
        Field(
            ge=0,
            le=256,
            description="CPU threads for a model; 0: all cores, divided among the workers",
        ),
    ] = 0
    max_body: Annotated[
        int, Field(ge=1024, description="Largest accepted request body, in bytes")
    ] = 16 * 2**20
    max_items: Annotated[int, Field(ge=1, description="Largest number of items in one request")] = (
        64
    )
    max_batch: Annotated[int, Field(ge=1, description="Largest number of items in one batch")] = 32
    max_queue: Annotated[
        int, Field(ge=1, description="Largest number of items waiting for one model")
    ] = 2048
    max_queue_seconds: Annotated[
        float,
        Field(
            gt=0, description="Longest wait for a batch of a model, in seconds; less in overload"
        ),
    ] = 1
    max_requests: Annotated[
        int, Field(ge=1, description="Largest number of requests in flight, per worker")
    ] = 2048
    max_bytes: Annotated[
        int,
        Field(
            ge=1024,
            description="Largest sum of the request bodies in flight, and of the answers that "
            "clients have not read, per worker, in bytes",
        ),
    ] = 256 * 2**20
    max_decode_bytes: Annotated[
        int,
        Field(
            ge=2**22, description="Memory for decoding large items at once, per worker, in bytes"
        ),
    ] = 384 * 2**20
    receive_timeout: Annotated[
        float, Field(gt=0, description="Longest time for a request body to arrive, in seconds")
    ] = 30
    head_timeout: Annotated[
        float,
        Field(gt=0, description="Longest time for a request's head to arrive, in seconds"),
    ] = 10
    send_timeout: Annotated[
        float,
        Field(
            gt=0,
            description="Longest time for a client to read 64 KiB of an answer, in seconds",
        ),
    ] = 30
    keep_alive: Annotated[
        float,
        Field(
            gt=0,
            description="Longest time between two requests of a connection, in seconds; "
            "more than the proxy's",
        ),
    ] = 75
    max_head: Annotated[
        int, Field(ge=1024, description="Largest accepted head of a request, in bytes")
    ] = 32 * 2**10
    max_connections: Annotated[
        int,
        Field(
            ge=1,
            description="Largest number of open connections, per worker; at most 3/4 of its "
            "free descriptors",
        ),
    ] = 4096
    deadline: Annotated[
        float,
        Field(gt=0, description="Longest time for an answer, in seconds; a later one is a 504"),
    ] = 30
    lame_duck: Annotated[
        float,
        Field(
            ge=0,
            description="Time between SIGTERM, when /readyz turns to 503, and the end of accepting,"
            " in seconds",
        ),
    ] = 2
    watchdog: Annotated[
        float,
        Field(
            ge=1,
            description="Time after which a worker whose event loop is blocked is replaced,"
            " in seconds",
        ),
    ] = 6
    load_timeout: Annotated[
        float,
        Field(
            gt=0,
            description="Longest time for a new version to load and answer its golden cases in its "
            "trial, in seconds",
        ),
    ] = 60
    log_requests: Annotated[
        bool, Field(description="Log every request, not only the failed ones")
    ] = False
    poll: Annotated[
        float,
        Field(
            gt=0, description="Time between two checks of the folder for new bundles, in seconds"
        ),
    ] = 0.5
    defaults: Annotated[
        dict[str, str], Field(description="Model that answers POST /v1/classify, for each modality")
    ] = {"image": "imagenet", "text": "spam", "audio": "spoken-digits", "tree": "listops"}


def variable_of(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"{_PREFIX}{name.upper()}"


def read_settings(given: Mapping[str, Any], named: Callable[[str], str] = variable_of) -> Settings:
    """Return the settings, in which `given` comes first; raise `OperatorError` for a bad value.

    A given mapping is merged with that of the environment or the default. A variable that looks
    like a misspelt setting is an error; others may be about something else. named: how errors call
    a setting that was given.
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
        source = named(name) if name in given else variable_of(name)
        reason = _reason(first["type"], first["msg"])
        raise OperatorError(f"{source}: {reason}, got {str(first['input'])!r}") from error
    except SettingsError as error:
        wrong = next((name for name in Settings.model_fields if f'"{name}"' in str(error)), "*")
        expected = f"expected JSON, such as {json.dumps(_EXAMPLE)}"
        raise OperatorError(f"{variable_of(wrong)}: {expected} ({error.__cause__})") from error
    if settings.max_bytes < settings.max_body:  # nobody could send the largest body
        least, got = f"at least {variable_of('max_body')}, {settings.max_body}", settings.max_bytes
        raise OperatorError(f"{variable_of('max_bytes')}: expected {least}, got {got}")
    return settings


def _refuse_misspelt(variables: Iterable[str]) -> None:
    for variable in variables:
        name = variable.upper().removeprefix(_PREFIX).lower()
        if variable.upper().startswith(_PREFIX) and name not in Settings.model_fields:
            near = get_close_matches(name, Settings.model_fields, n=1, cutoff=_SIMILAR)
            if near:
                meant = f"did you mean {variable_of(near[0])}?"
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

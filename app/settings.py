"""The service's settings: environment variables with the prefix `THALAMUS_`."""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.hosts import check_host_pattern, check_origin

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
        env_prefix="THALAMUS_", frozen=True, extra="ignore", allow_inf_nan=False
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

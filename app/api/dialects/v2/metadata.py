"""What FastAPI answers of the protocol: health, metadata, configuration, statistics, index."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from app.api.body import read_body
from app.api.dialects.kserve_v1 import ProblemWithError
from app.api.dialects.v2.infer import TAG
from app.api.item_request import JSON, Serving
from app.api.openapi import refusals
from app.bundle.manifest import VERSION_DIGITS
from app.errors import InvalidTensor, MalformedRequest, NotOffered, TooLarge, UnknownModel
from app.open_inference.description import model_config, model_metadata, server_metadata
from app.open_inference.index import ready_entries, repository_index
from app.open_inference.statistics import model_statistics
from app.serving.catalog import Catalog

_REFUSALS = refusals(
    JSON, ProblemWithError.model_json_schema(), (400, 404, 408, 413, 421, 422, 503)
)
router = APIRouter(prefix="/v2", tags=[TAG], responses=_REFUSALS)
_MODEL, _ONE = "/models/{model}", "/models/{model}/versions/{version}"
_MOST = 2**14  # bytes of a body that asks for the index
_BY_FOLDER = (
    "models are not loaded and unloaded by request: the service follows its folder of models, and "
    "the serving.json of each"
)


@router.get("")
@router.get("/", include_in_schema=False)
async def server() -> dict[str, Any]:
    """Describe the server and the extensions of the protocol that it has."""
    return server_metadata()


@router.get("/health/live")
async def live_v2() -> dict[str, bool]:
    """Say that the process is alive."""
    return {"live": True}


@router.get("/health/ready")
async def ready_v2(request: Request, response: Response) -> dict[str, bool]:
    """Say whether golden cases passed and at least one model answers, in every worker."""
    is_ready = bool(request.app.state.ready())
    response.status_code = 200 if is_ready else 503
    return {"ready": is_ready}


@router.get("/models/stats")
async def stats_of_all(request: Request) -> dict[str, Any]:
    """Return what every loaded version has answered."""
    catalog: Catalog = request.app.state.catalog
    loaded = [(entry.name, entry.version) for entry in catalog.entries if entry.model]
    return _stats(request, loaded)


@router.get(f"{_MODEL}/stats")
@router.get(f"{_ONE}/stats", name="stats_of_version")
async def stats_of_model(request: Request, model: str, version: str = "") -> dict[str, Any]:
    """Return what the loaded versions of a model have answered."""
    entries = ready_entries(request.app.state.catalog, model, _number(version))
    return _stats(request, [(entry.name, entry.version) for entry in entries])


@router.get(_MODEL)
@router.get(_ONE, name="metadata_of_version")
async def metadata_of_model(request: Request, model: str, version: str = "") -> dict[str, Any]:
    """Describe the tensors of a model."""
    catalog: Catalog = request.app.state.catalog
    number = _number(version)
    served = await catalog.find(model, number)
    entries = ready_entries(catalog, model, number)
    return model_metadata(served.pipeline, [entry.version for entry in entries])


@router.get(f"{_MODEL}/config")
@router.get(f"{_ONE}/config", name="config_of_version")
async def config_of_model(request: Request, model: str, version: str = "") -> dict[str, Any]:
    """Return the configuration of a model, as Triton writes it."""
    serving: Serving = request.app.state.serving
    served = await serving.catalog.find(model, _number(version))
    return model_config(served.pipeline, serving.max_items)


@router.get(f"{_MODEL}/ready")
@router.get(f"{_ONE}/ready", name="version_is_ready")
async def model_is_ready(request: Request, model: str, version: str = "") -> dict[str, Any]:
    """Say that a model answers; 503 while its golden cases run."""
    ready_entries(request.app.state.catalog, model, _number(version))
    return {"name": model, "ready": True}


@router.post("/repository/index")
async def index(request: Request) -> list[dict[str, Any]]:
    """List every published version with its state."""
    serving: Serving = request.app.state.serving
    body = await read_body(request.receive, serving.receive_timeout)
    return repository_index(serving.catalog.entries, ready_only=_ready_only(body))


@router.post("/repository/models/{model}/load", name="load")
@router.post("/repository/models/{model}/unload", name="unload")
async def load_or_unload(model: str) -> None:
    """Refuse: the folder of models says what is loaded."""
    raise NotOffered(_BY_FOLDER)


def _stats(request: Request, versions: list[tuple[str, int]]) -> dict[str, Any]:
    totals = request.app.state.gauges.totals()
    return {"model_stats": [model_statistics(totals, *which) for which in versions]}


def _number(version: str) -> int | None:
    """Return the number that a client wrote; None without one; raise `UnknownModel`."""
    if not version:
        return None
    if not (version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS):
        raise UnknownModel("expected the number of a version; POST /v2/repository/index lists them")
    return int(version)


def _ready_only(body: bytes) -> bool:
    if len(body) > _MOST:
        raise TooLarge(f"expected a body of at most {_MOST} bytes")
    if not body:  # clients send none
        return False
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise MalformedRequest("the body is not valid JSON") from None
    ready = document.get("ready", False) if isinstance(document, dict) else None
    if not isinstance(ready, bool):
        raise InvalidTensor('expected nothing, or an object such as {"ready": true}')
    return ready

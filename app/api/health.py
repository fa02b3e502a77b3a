"""Probes and metrics. Liveness says the event loop turns; readiness that something answers."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from app.metrics import METRICS_TYPE

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> dict[str, str]:
    """Say that the process is alive; independent of models and load."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Say whether golden cases passed and at least one model answers, in every worker."""
    states = {f"{e.name}/{e.version}": e.state for e in request.app.state.catalog.entries}
    is_ready = request.app.state.ready()
    status = "ready" if is_ready else "not ready"
    return JSONResponse({"status": status, "models": states}, 200 if is_ready else 503)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return Response(request.app.state.metrics.render(), media_type=METRICS_TYPE)

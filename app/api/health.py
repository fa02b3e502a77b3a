"""Probes and metrics. Liveness: the event loop runs. Readiness: at least one model answers."""

from fastapi import APIRouter, Request, Response

from app.api import schemas
from app.metrics import METRICS_TYPE

router = APIRouter(tags=["health"])


@router.get("/livez")
async def live() -> schemas.Live:
    """Say that the process is alive; independent of models and load."""
    return schemas.Live()


@router.get("/readyz", responses={503: {"model": schemas.Ready}})
async def ready(request: Request, response: Response) -> schemas.Ready:
    """Say whether golden cases passed and at least one model answers, in every worker."""
    states = {f"{e.name}/{e.version}": str(e.state) for e in request.app.state.catalog.entries}
    is_ready = request.app.state.ready()
    response.status_code = 200 if is_ready else 503
    return schemas.Ready(status="ready" if is_ready else "not ready", models=states)


class MetricsResponse(Response):
    """Metrics in the text format of Prometheus."""

    media_type = METRICS_TYPE


@router.get("/metrics", response_class=MetricsResponse)
async def metrics(request: Request) -> Response:
    """Prometheus metrics."""
    return MetricsResponse(request.app.state.gauges.render())

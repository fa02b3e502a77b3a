from pathlib import Path

import httpx
import pytest
from fastapi import Depends, Security
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from app.api.fast_path import FastPath, FastRoute
from app.factory import create_app
from app.settings import Settings

pytestmark = pytest.mark.anyio


class Recorder:
    """An ASGI application that records each call."""

    def __init__(self, name: str, calls: list) -> None:
        self.name, self.calls = name, calls

    async def __call__(self, scope, receive, send) -> None:
        self.calls.append((self.name, scope.get("path_params")))


@pytest.mark.parametrize(
    ("kind", "method", "path", "who"),
    [
        ("http", "POST", "/v1/models/a/classify", ("hot", {"model": "a"})),
        ("http", "GET", "/v1/models/a/classify", ("app", None)),
        ("http", "POST", "/v1/models/a/b/classify", ("app", None)),
        ("http", "POST", "/v1/models/a/classify/", ("app", None)),
        ("http", "POST", "/v1/models//classify", ("app", None)),
        ("lifespan", "", "", ("app", None)),
    ],
)
async def test_fast_path_takes_matching_post_requests_only(kind, method, path, who) -> None:
    calls: list = []
    route = FastRoute("/v1/models/{model}/classify", lambda: None, Recorder("hot", calls))
    scope = {"type": kind, "method": method, "path": path}
    await FastPath(Recorder("app", calls), [route])(scope, None, None)
    assert calls == [who]


async def test_router_matches_the_same_routes(service) -> None:
    """Without the fast path the answer is the same, because the route is in FastAPI's table."""
    hot = [route for route in service.app.api.router.routes if isinstance(route, FastRoute)]
    assert [route.path for route in hot[:3]] == [
        "/v1/models/{model}/classify",
        "/v1/models/{model}/versions/{version:int}/classify",
        "/v1/classify",
    ], "the most frequented first"
    sent: list = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"good"}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/models/moods/classify",
        "root_path": "",
        "query_string": b"top_k=1",
        "headers": [(b"content-type", b"text/plain")],
    }
    await service.app.api.router(scope, receive, send)
    straight = await service.post(
        "/v1/models/moods/classify?top_k=1", content=b"good", headers={"Content-Type": "text/plain"}
    )
    assert sent[1]["body"] == straight.content


async def test_fast_routes_are_in_openapi(service) -> None:
    document = (await service.get("/openapi.json")).json()
    operation = document["paths"]["/v1/models/{model}/versions/{version}/classify"]["post"]
    assert [p["name"] for p in operation["parameters"]] == ["model", "version", "top_k", "explain"]
    assert operation["summary"] == "Classify Version"


def deny() -> None:
    raise PermissionError


def with_depends(model: str, user: None = Depends(deny)) -> None:
    pass


def with_security(model: str, user: None = Security(deny)) -> None:
    pass


@pytest.mark.parametrize(
    ("endpoint", "described"),
    [
        (lambda: None, {"dependencies": [Depends(deny)]}),
        (with_depends, {}),
        (with_security, {}),
    ],
)
def test_fast_route_refuses_dependencies(endpoint, described: dict) -> None:
    with pytest.raises(TypeError, match="never run"):
        FastRoute("/v1/models/{model}/secret", endpoint, Recorder("hot", []), **described)


def test_add_middleware_is_refused(tmp_path: Path) -> None:
    app = create_app(Settings(models=tmp_path, device="cpu"))
    for layer in (app, app.api):
        with pytest.raises(TypeError, match=r"create_app\(settings, middleware="):
            layer.add_middleware(CORSMiddleware, allow_origins=["*"])
    with pytest.raises(TypeError, match="table of errors"):
        app.api.add_exception_handler(ValueError, lambda *_: None)
    with pytest.raises(TypeError, match=r"expected Middleware"):
        create_app(Settings(models=tmp_path, device="cpu"), middleware=[CORSMiddleware])


async def test_middleware_runs_for_every_route(tmp_path: Path) -> None:
    cors = Middleware(CORSMiddleware, allow_origins=["*"])
    app = create_app(Settings(models=tmp_path, device="cpu"), middleware=[cors])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for method, path in (
            ("POST", "/v1/models/a/classify"),
            ("POST", "/v1/models/a/complete"),
            ("GET", "/v1/models"),
            ("GET", "/livez"),
        ):
            answer = await client.request(method, path, headers={"Origin": "http://elsewhere"})
            assert answer.headers["access-control-allow-origin"] == "*", path

import pytest

from app.api.fast_path import FastPath, FastRoute

pytestmark = pytest.mark.anyio


class Recorder:
    """An ASGI application that notes who was called."""

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
async def test_only_what_a_hot_route_takes_goes_there(kind, method, path, who) -> None:
    calls: list = []
    route = FastRoute("/v1/models/{model}/classify", lambda: None, Recorder("hot", calls))
    scope = {"type": kind, "method": method, "path": path}
    await FastPath(Recorder("app", calls), [route])(scope, None, None)
    assert calls == [who]


async def test_the_router_finds_the_same(service) -> None:
    """Who comes without the shortcut gets the same answer: the route is in FastAPI's table."""
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


async def test_the_description_is_there(service) -> None:
    document = (await service.get("/openapi.json")).json()
    operation = document["paths"]["/v1/models/{model}/versions/{version}/classify"]["post"]
    assert [p["name"] for p in operation["parameters"]] == ["model", "version", "top_k", "explain"]
    assert operation["summary"] == "Classify Version"

"""Which scope an address needs: every route by every method, and addresses that are tricks."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import unquote

import httpx
import pytest

from app.access import KeyScope
from app.api.access import required_scope
from app.tasks import TASKS
from tests.app.api.keys import ADMIN, PREDICT, write_keys
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "ODD")
OPEN = {
    "/",
    "/livez",
    "/readyz",
    "/v2/health/live",
    "/v2/health/ready",
    "/docs",
    "/openapi.json",
    "/docs/static/x",
    "/page/x",
}
MODEL, VERSION = "/v1/models/moods", "/v1/models/moods/versions/1"


@pytest.fixture(scope="module")
async def guarded(
    anyio_backend: str, published: Path, tmp_path_factory
) -> AsyncIterator[httpx.AsyncClient]:
    keys = write_keys(tmp_path_factory.mktemp("keys") / "keys.jsonl")
    async with open_service(published, keys_file=keys) as client:
        yield client


def paths_of(routes: list) -> Iterator[str]:
    """Give a path that each route takes, those of included routers and of mounts too."""
    for route in routes:
        if included := getattr(route, "original_router", None):
            yield from paths_of(included.routes)
            continue
        path = route.path if hasattr(route, "methods") else f"{route.path}/x"  # of a mount
        path = path.replace("{version:int}", "1").replace("{version}", "1").replace("{name}", "x")
        yield path.replace("{model}", "moods")


async def test_every_route_by_every_method_needs_a_key_but_for_the_open_ones(
    guarded: httpx.AsyncClient,
) -> None:
    paths = [*paths_of(guarded.app.api.router.routes), "/nowhere", f"{MODEL}/serving"]
    assert set(paths) >= OPEN | {"/metrics", "/v1/models", MODEL, "/v1/classify"}
    assert len(paths) > 18 and not any("{" in path for path in paths)
    answered = {
        (method, path): (await guarded.request(method, path)).status_code
        for path in paths
        for method in METHODS
    }
    without_key = {pair for pair, status in answered.items() if status != 401}
    assert without_key == {(method, path) for path in OPEN for method in ("GET", "HEAD")}


async def test_every_operation_is_permitted_with_the_right_key(guarded: httpx.AsyncClient) -> None:
    for path in paths_of(guarded.app.api.router.routes):
        for method in ("GET", "POST"):
            for key, scopes in ((PREDICT, {KeyScope.PREDICT, None}), (ADMIN, {*KeyScope, None})):
                answer = await guarded.request(method, path, headers={"X-API-Key": key})
                permitted = required_scope(method, path, TASKS) in scopes
                assert answer.status_code not in ((401, 403) if permitted else (401,))
                assert (answer.status_code == 403) != permitted, (method, path)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/metrics", KeyScope.ADMIN),
        ("HEAD", "/metrics", KeyScope.ADMIN),
        ("POST", "/metrics", KeyScope.ADMIN),
        ("GET", "/metrics\n", KeyScope.ADMIN),
        ("GET", "/livez\n", None),
        ("GET", "/livez\n\n", KeyScope.PREDICT),
        ("POST", "/livez", KeyScope.PREDICT),
        ("GET", "/v1/models", KeyScope.PREDICT),
        ("POST", "/v1/models", KeyScope.ADMIN),
        ("GET", MODEL, KeyScope.PREDICT),
        ("HEAD", MODEL, KeyScope.PREDICT),
        ("PUT", MODEL, KeyScope.ADMIN),
        ("DELETE", MODEL, KeyScope.ADMIN),
        ("GET", f"{MODEL}/serving", KeyScope.PREDICT),
        ("POST", f"{MODEL}/serving", KeyScope.ADMIN),
        ("POST", f"{MODEL}/serving\n", KeyScope.ADMIN),
        ("POST", f"{MODEL}/serving/classify", KeyScope.ADMIN),
        ("POST", f"{VERSION}/serving", KeyScope.ADMIN),
        ("GET", "/page/main.js", None),
        ("HEAD", "/page/main.js", None),
        ("POST", "/page/main.js", KeyScope.PREDICT),
        ("GET", "/page", KeyScope.PREDICT),
        ("GET", f"{MODEL}/card", KeyScope.PREDICT),
        ("GET", f"{MODEL}/samples/x.png", KeyScope.PREDICT),
        ("GET", f"{VERSION}/card/x.png", KeyScope.PREDICT),
        ("POST", f"{MODEL}/card", KeyScope.ADMIN),
        ("POST", f"{MODEL}/classify", KeyScope.PREDICT),
        ("POST", f"{MODEL}/classify/", KeyScope.ADMIN),
        ("POST", f"{MODEL}/Classify", KeyScope.ADMIN),
        ("POST", f"{VERSION}/classify", KeyScope.PREDICT),
        ("POST", "/v1/models/{model}/versions/{version}/embed", KeyScope.PREDICT),
        ("POST", "/v1/models/classify", KeyScope.ADMIN),
        ("POST", f"{MODEL}:predict", KeyScope.PREDICT),
        ("POST", f"{VERSION}:predict", KeyScope.PREDICT),
        ("POST", f"{MODEL}/serving:predict", KeyScope.ADMIN),
        ("POST", f"{MODEL}:predict/serving", KeyScope.ADMIN),
        ("POST", f"{VERSION}/serving:predict", KeyScope.ADMIN),
        ("POST", "/v1/embeddings", KeyScope.PREDICT),
        ("POST", "/hf/moods", KeyScope.PREDICT),
        ("POST", "/v2/models/moods/infer", KeyScope.PREDICT),
        ("GET", "/v2", KeyScope.PREDICT),
        ("GET", "/v2/health/live", None),
        ("GET", "/v2/health/ready", None),
        ("POST", "/v1/classify", KeyScope.PREDICT),
        ("POST", "/v1/models-of-others", KeyScope.PREDICT),
        ("GET", "", KeyScope.PREDICT),
        ("GET", "/docs/static", KeyScope.PREDICT),
        ("GET", "/docs/staticx", KeyScope.PREDICT),
    ],
)
def test_a_scope_is_required(method: str, path: str, scope: KeyScope | None) -> None:
    assert required_scope(method, path, TASKS) is scope


TRICKS = [
    *("//metrics", "/metrics/", "/metrics//", "/./metrics", "/livez/../metrics", "/METRICS"),
    *("/livez/..;/metrics", "/metrics%0A", "/metrics%0a", "/%6Detrics", "/metrics%20"),
    *(
        "/metrics%00",
        "/metrics%0D",
        "/metrics%E2%80%A8",
        "/metrics%25",
        "/metrics;x",
        "/metrics.json",
    ),
    *("/docs/static/../../metrics", "/docs/static/..%2f..%2fmetrics", "/docs/static//metrics"),
    *("/docs/static/%2e%2e/%2e%2e/metrics", "/docs/../metrics", "/livez%2f..%2fmetrics"),
    *(
        "/docs/static/%0A/../metrics",
        "/livez%23/metrics",
        "/livez%3F/../metrics",
        "/livez\\..\\metrics",
    ),
]


async def ask(app, method: str, address: str, key: str) -> tuple[int, bytes]:
    """Send a request as the server would, without what a client does to its address."""
    sent: list[dict] = []

    async def receive() -> dict:
        return {"type": "http.request", "body": b"{}"}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": unquote(address),
        "raw_path": address.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"x-api-key", key.encode())] if key else [],
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@pytest.mark.parametrize("root_path", ["", "/ml"])
@pytest.mark.parametrize("key", ["", PREDICT])
async def test_no_spelling_of_an_address_needs_less(
    published: Path, tmp_path: Path, root_path: str, key: str
) -> None:
    """Whatever the routes take a spelling for is what it was decided for."""
    keys = write_keys(tmp_path / "keys.jsonl")
    writes = ("serving", "serving%0A", "/serving", "versions/1/serving", "%73erving")
    async with open_service(published, keys_file=keys, root_path=root_path) as client:
        for prefix in ("", "/ml", "/ml/ml", "//ml", "/ML", "/%6Dl"):
            for trick in TRICKS:
                status, body = await ask(client.app, "GET", prefix + trick, key)
                assert status in (401, 403, 404), (prefix, trick)
                assert b"thalamus_" not in body
            for write in writes:
                status, body = await ask(client.app, "POST", f"{prefix}{MODEL}/{write}", key)
                assert status in ((401, 403, 404) if key else (401,)), (prefix, write)


async def test_a_prefix_of_another_server_does_not_move_the_decision(
    guarded: httpx.AsyncClient,
) -> None:
    """`root_path` of ASGI makes routes ignore the beginning of a path."""
    transport = httpx.ASGITransport(guarded.app, root_path="/x", raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/x/metrics", headers={"X-API-Key": PREDICT})
        assert answer.status_code == 404
        assert (await client.get("/metrics", headers={"X-API-Key": PREDICT})).status_code == 403
        assert (await client.get("/x/v1/models")).status_code == 401


async def test_a_web_socket_is_closed(guarded: httpx.AsyncClient) -> None:
    sent: list[dict] = []

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/livez", "headers": []}
    await guarded.app(scope, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]

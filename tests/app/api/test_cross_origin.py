"""THALAMUS_CORS_ORIGINS: pages of listed origins may ask and read every answer; no others may."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.api.edge import REFUSED
from app.errors import MalformedRequest
from tests.app.api.test_edge import Exchange
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/moods/classify"
TEXT = {"Content-Type": "text/plain"}
GOOD = "https://good.example"
FOREIGN = [
    *("null", "", "https://good.example.evil.com", "https://evil.com", "http://good.example"),
    *("https://good.example:8443", "https://good.example/", "https://good.example.", "https://"),
    *("HTTPS://GOOD.EXAMPLE", "https://a.good.example", "https://evilgood.example", "*"),
    *("https://good.example, https://evil.com", "https://good.example https://evil.com"),
    *("https://good.example@evil.com", "https://evil.com?https://good.example"),
]


def preflight(origin: str, method: str = "POST", fields: str = "content-type") -> dict[str, str]:
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": fields,
    }


def listed(value: str) -> set[str]:
    return {one.strip().lower() for one in value.split(",")}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str, published) -> AsyncIterator[httpx.AsyncClient]:
    origins = f"{GOOD},http://localhost:3000"
    hosts = "test,example.com"
    async with open_service(published, cors_origins=origins, allowed_hosts=hosts) as client:
        yield client


@pytest.mark.parametrize("origin", [GOOD, "http://localhost:3000"])
async def test_a_listed_page_reads_an_answer(shared: httpx.AsyncClient, origin: str) -> None:
    answer = await shared.post(PATH, content=b"good", headers=TEXT | {"Origin": origin})
    assert answer.status_code == 200
    assert answer.headers.get_list("access-control-allow-origin") == [origin]
    assert answer.headers["vary"] == "Origin"
    exposed = listed(answer.headers["access-control-expose-headers"])
    assert {"x-request-id", "retry-after", "x-model-name", "x-model-version"} <= exposed
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/nothing", "test", 404),
        ("POST", PATH, "test", 415),
        ("POST", "/livez", "test", 405),
        ("OPTIONS", PATH, "test", 405),  # without the rest of a preflight
        ("GET", "/v1/models", "evil.example", 421),
    ],
)
async def test_a_listed_page_reads_an_error(
    shared: httpx.AsyncClient, method: str, path: str, host: str, status: int
) -> None:
    headers = {"Content-Type": "application/pdf", "Origin": GOOD, "Host": host}
    answer = await shared.request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == GOOD
    assert answer.headers["vary"] == "Origin"


async def test_a_listed_page_reads_what_the_edge_refuses(published) -> None:
    async with open_service(published, cors_origins=GOOD, max_body=1024) as client:
        headers = TEXT | {"Origin": GOOD}
        answer = await client.post(PATH, content=b"a" * 2000, headers=headers)
        assert answer.status_code == 413
        assert answer.headers["access-control-allow-origin"] == GOOD


@pytest.mark.parametrize("path", [PATH, "/v1/models", "/metrics", "/nothing"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_a_preflight_of_a_listed_page_is_allowed(
    shared: httpx.AsyncClient, path: str, method: str
) -> None:
    wanted = "authorization,content-encoding,content-type,x-api-key,x-request-id"
    answer = await shared.options(path, headers=preflight(GOOD, method, wanted))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers.get_list("access-control-allow-origin") == [GOOD]
    assert method.lower() in listed(answer.headers["access-control-allow-methods"])
    assert set(wanted.split(",")) <= listed(answer.headers["access-control-allow-headers"])
    assert int(answer.headers["access-control-max-age"]) > 0
    assert answer.headers["vary"] == "Origin"
    assert answer.headers["x-request-id"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_a_preflight_does_not_allow_everything(shared: httpx.AsyncClient) -> None:
    answer = await shared.options(PATH, headers=preflight(GOOD, "TRACE", "x-evil"))
    assert "x-evil" not in listed(answer.headers["access-control-allow-headers"])
    assert "trace" not in listed(answer.headers["access-control-allow-methods"])


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_foreign_page_is_refused(shared: httpx.AsyncClient, origin: str) -> None:
    refused = await shared.options(PATH, headers=preflight(origin))
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    assert "THALAMUS_CORS_ORIGINS" in refused.json()["detail"]
    assert not origin or origin == "*" or origin not in refused.text
    asked = await shared.post(PATH, content=b"good", headers=TEXT | {"Origin": origin})
    for answer in (refused, asked):
        assert [name for name in answer.headers if name.startswith("access-control")] == []
        assert answer.headers["vary"] == "Origin"


async def test_a_preflight_for_another_host_is_refused(shared: httpx.AsyncClient) -> None:
    answer = await shared.options(PATH, headers=preflight(GOOD) | {"Host": "evil.example"})
    assert answer.status_code == 421
    assert "access-control-allow-methods" not in answer.headers


async def test_a_request_that_is_no_http_is_no_preflight(shared: httpx.AsyncClient) -> None:
    headers = [(n.lower().encode(), v.encode()) for n, v in preflight(GOOD).items()]
    exchange = Exchange(shared.app, method="OPTIONS", headers=headers)
    exchange.state[REFUSED] = MalformedRequest("expected another request")
    assert await exchange.status() == 400


async def test_pages_of_any_origin_may_ask_where_the_list_says_so(published) -> None:
    async with open_service(published, cors_origins="*") as client:
        for origin in (GOOD, "https://other.example", "null"):
            answer = await client.post(PATH, content=b"good", headers=TEXT | {"Origin": origin})
            asked = await client.options(PATH, headers=preflight(origin))
            for one in (answer, asked):
                assert one.headers["access-control-allow-origin"] == "*"
                assert "access-control-allow-credentials" not in one.headers
            assert (answer.status_code, asked.status_code) == (200, 204)
        alone = await client.get("/v1/models")
        assert "access-control-allow-origin" not in alone.headers


async def test_without_a_list_no_answer_is_about_origins(service: httpx.AsyncClient) -> None:
    refused = await service.options(PATH, headers=preflight(GOOD))
    answer = await service.post(PATH, content=b"good", headers=TEXT | {"Origin": GOOD})
    assert (refused.status_code, answer.status_code) == (405, 200)
    for one in (refused, answer):
        assert "vary" not in one.headers
        assert [name for name in one.headers if name.startswith("access-control")] == []


async def test_a_preflight_needs_no_key_and_a_page_reads_that_it_needs_one(
    published, tmp_path
) -> None:
    keys_file = tmp_path / "keys.jsonl"
    keys_file.touch()
    async with open_service(published, cors_origins=GOOD, keys_file=keys_file) as client:
        allowed = await client.options(PATH, headers=preflight(GOOD, fields="authorization"))
        refused = await client.post(PATH, content=b"good", headers=TEXT | {"Origin": GOOD})
        assert (allowed.status_code, refused.status_code) == (204, 401)
        assert refused.headers["access-control-allow-origin"] == GOOD
        no_preflight = await client.options(PATH, headers={"Origin": GOOD})
        assert no_preflight.status_code == 401

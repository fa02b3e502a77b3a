"""THALAMUS_ALLOWED_HOSTS: another host is refused before a byte of the body is read."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.app.api.test_edge import Exchange
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/moods/classify"
TEXT = {"Content-Type": "text/plain"}
ALLOWED = "example.com, *.example.org, 127.0.0.1, ::1"
EVIL = "evil.example"


@pytest.fixture(scope="module")
async def guarded(anyio_backend: str, published) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(published, allowed_hosts=ALLOWED) as client:
        yield client


@pytest.mark.parametrize(
    "host",
    ["example.com", "Example.COM.:8000", "a.b.example.org", "127.0.0.1:80", "[::1]:80", "[0::1]"],
)
async def test_a_listed_host_is_answered(guarded: httpx.AsyncClient, host: str) -> None:
    answer = await guarded.post(PATH, content=b"good", headers=TEXT | {"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host",
    [EVIL, "example.org", "127.0.0.1.evil.com", "example.com@evil.com", "2130706433", "127.1"],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", PATH),
        ("POST", "/v1/models/nothing/classify"),
        ("GET", "/v1/models"),
        ("HEAD", "/v1/models"),
        ("GET", "/metrics"),
        ("GET", "/docs"),
        ("GET", "/docs/static/swagger-ui.css"),
        ("GET", "/nothing"),
        ("GET", "/livez/"),
        ("OPTIONS", PATH),
    ],
)
async def test_every_other_host_is_refused_everywhere(
    guarded: httpx.AsyncClient, method: str, path: str, host: str
) -> None:
    answer = await guarded.request(method, path, headers=TEXT | {"Host": host})
    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    assert host not in answer.text
    if method != "HEAD":
        assert "THALAMUS_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_kubernetes_asks_the_probes_by_any_address(
    guarded: httpx.AsyncClient, method: str, path: str
) -> None:
    answer = await guarded.request(method, path, headers={"Host": "10.1.2.3:8000"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "hosts",
    [[], [b"example.com", b"example.com"], [b"example.com", b"evil.example"], [b"example.com\xe9"]],
)
async def test_one_host_must_be_named(guarded: httpx.AsyncClient, hosts: list[bytes]) -> None:
    exchange = Exchange(guarded.app, headers=[(b"host", host) for host in hosts])
    assert await exchange.status() == 421


async def test_the_body_for_another_host_is_not_read(guarded: httpx.AsyncClient) -> None:
    exchange = Exchange(guarded.app, headers=[(b"host", EVIL.encode())])
    assert (await exchange.status(), exchange.reads) == (421, 0)


async def test_the_refusal_is_counted(guarded: httpx.AsyncClient) -> None:
    def count(text: str) -> float:
        start = 'thalamus_requests_total{model="",version="",operation="other",status="421"} '
        return sum(
            float(line[len(start) :]) for line in text.splitlines() if line.startswith(start)
        )

    own = {"Host": "example.com"}
    before = count((await guarded.get("/metrics", headers=own)).text)
    await guarded.post(PATH, content=b"good", headers=TEXT | {"Host": EVIL})
    assert count((await guarded.get("/metrics", headers=own)).text) == before + 1


async def test_behind_a_path_prefix_the_probes_are_the_same(published) -> None:
    async with open_service(published, allowed_hosts=ALLOWED, root_path="/ml") as client:
        assert (await client.get("/ml/livez")).status_code == 200
        assert (await client.get("/ml/v1/models")).status_code == 421


async def test_without_a_list_every_host_is_answered(service: httpx.AsyncClient) -> None:
    answer = await service.post(PATH, content=b"good", headers=TEXT | {"Host": "anything@all"})
    assert answer.status_code == 200

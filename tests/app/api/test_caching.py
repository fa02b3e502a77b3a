"""No cache keeps an answer; the browser may keep the files of the documentation page."""

import pytest

from tests.conftest import open_service

pytestmark = pytest.mark.anyio
CLASSIFY = "/v1/models/moods/classify"
STYLE = "/docs/static/swagger-ui.css"
PAGE = "/page/main.js"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/livez", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/v1/models", 200),
        ("HEAD", "/v1/models", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/", 200),
        ("GET", "/nothing", 404),
        ("GET", "/docs/static/nothing.js", 404),
        ("GET", CLASSIFY, 405),
        ("POST", CLASSIFY, 200),
        ("POST", "/v1/models/nothing/classify", 404),
    ],
)
async def test_no_cache_keeps_an_answer(service, method: str, path: str, status: int) -> None:
    headers = {"Content-Type": "text/plain"}
    answer = await service.request(method, path, content=b"good", headers=headers)
    assert answer.status_code == status
    assert answer.headers.get_list("cache-control") == ["no-store"]


async def test_no_cache_keeps_what_the_edge_refuses(published) -> None:
    async with open_service(published, max_body=1024) as client:
        answer = await client.post(CLASSIFY, content=b"a" * 2000)
    assert (answer.status_code, answer.headers["cache-control"]) == (413, "no-store")


@pytest.mark.parametrize("path", [STYLE, PAGE])
async def test_the_browser_may_keep_the_files_of_pages(service, path: str) -> None:
    answer = await service.get(path)
    assert answer.headers["etag"] and "cache-control" not in answer.headers
    known = {"If-None-Match": answer.headers["etag"]}
    again = await service.get(path, headers=known)
    assert (again.status_code, "cache-control" in again.headers) == (304, False)

import asyncio

import pytest

from tests.app.serving.catalogs import slow_loading
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH, TEXT = "/v1/models/moods/classify", {"Content-Type": "text/plain"}


async def test_probes_of_a_ready_service(service) -> None:
    assert (await service.get("/livez")).json() == {"status": "alive"}
    ready = await service.get("/readyz")
    assert ready.status_code == 200
    states = dict.fromkeys(("colours/1", "moods/1", "sounds/1"), "ready")
    assert ready.json() == {"status": "ready", "models": states}


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/livez", "/readyz", "/metrics", "/v1/models", "/v1/models/moods", "/docs"),
        *("/openapi.json", "/docs/static/swagger-ui.css", "/nothing", "/v1/models/nope"),
    ],
)
async def test_head_is_get_without_its_body(service, path: str) -> None:
    got, head = await service.get(path), await service.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    own = {"x-request-id", "etag", "last-modified"}
    assert head.headers.keys() - own == got.headers.keys() - own
    if path != "/metrics":  # the first request changed them
        assert head.headers["content-length"] == str(len(got.content))


async def test_head_is_405_where_get_is_405(service) -> None:
    for method in ("HEAD", "GET"):
        answer = await service.request(method, PATH)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert (await service.delete("/livez")).headers["allow"] == "GET, HEAD"


async def test_probes_without_a_model_are_alive_and_not_ready(tmp_path) -> None:
    async with open_service(tmp_path, wait=False) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/readyz")).status_code == 503
        response = await client.post("/v1/classify", content=b"good", headers=TEXT)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"


@pytest.mark.slow
async def test_probes_while_loading_are_alive_and_not_ready(published) -> None:
    with slow_loading() as (go, modalities):
        async with open_service(published, wait=False, modalities=modalities) as client:
            states = {}
            while states.get("colours/1") != "ready":
                await asyncio.sleep(0.001)
                ready = await client.get("/readyz")
                assert ready.status_code == 503
                states = ready.json()["models"]
            assert states["moods/1"] == "loading"
            assert (await client.post(PATH, content=b"good", headers=TEXT)).status_code == 503
            go.set()
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.001)
            assert (await client.post(PATH, content=b"good", headers=TEXT)).status_code == 200

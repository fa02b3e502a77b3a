import asyncio
import re
import shutil
from urllib.parse import urljoin

import httpx
import pytest

from app.api import openapi, problems
from app.api.dialects import DIALECTS
from app.api.error_forms import PROBLEM
from tests.conftest import open_service

pytestmark = pytest.mark.anyio


async def test_docs_page_loads_from_this_host_only(service) -> None:
    page = await service.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r"""(?:src=|href=|url: )["']([\w./-]+)["']""", page.text)
    assert len(addresses) == 3, "style, script and description"
    for address in addresses:
        assert (await service.get(urljoin("/docs", address))).status_code == 200, address
    outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page.text)
    assert [host for host in outside if "www.w3.org" not in host] == []


async def test_docs_assets_load_from_this_host_only(service) -> None:
    css = await service.get("/docs/static/swagger-ui.css")
    assert css.headers["content-type"].startswith("text/css")
    assert re.findall(r"@import|url\((?!['\"]?data:)[^)]*\)", css.text) == []


async def test_the_openapi_document_is_made_anew_only_for_other_models(models, monkeypatch) -> None:
    made = []
    describe = openapi.describe
    monkeypatch.setattr(openapi, "describe", lambda *given: made.append(1) or describe(*given))
    async with open_service(models) as client:
        first, again = [(await client.get("/openapi.json")).content for _ in range(2)]
        assert (len(made), first) == (1, again)
        shutil.rmtree(models / "moods")
        await client.app.state.catalog.refresh()
        after = (await client.get("/openapi.json")).json()
        operation = after["paths"]["/v1/models/{model}/classify"]["post"]
        answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
        assert (len(made), set(answers)) == (2, {"colours", "sounds"})


@pytest.mark.parametrize("stripped", [True, False], ids=["removed", "left in place"])
async def test_everything_works_behind_a_path_prefix(published, stripped: bool) -> None:
    """The proxy offers the service under /ml, and removes that or not."""
    async with open_service(published, root_path="/ml") as client:

        async def get(address: str) -> httpx.Response:
            assert address.startswith("/ml/")
            return await client.get(address.removeprefix("/ml") if stripped else address)

        home = await get("/ml/")
        for address in re.findall(r"""(?:src|href)="([\w./-]+)""", home.text):
            assert (await get(urljoin("/ml/", address))).status_code == 200
        page_at = urljoin("/ml/", "docs")
        page = await get(page_at)
        for address in re.findall(r"""(?:src=|href=|url: )["']([\w./-]+)["']""", page.text):
            assert (await get(urljoin(page_at, address))).status_code == 200
        document = (await get("/ml/openapi.json")).json()
        assert document["servers"] == [{"url": "/ml"}]
        assert (await get(document["servers"][0]["url"] + "/v1/models")).status_code == 200
        prefix = "" if stripped else "/ml"
        answer = await client.post(f"{prefix}/v1/models/moods/classify", json={"instances": ["a"]})
        assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/ml", "/mlx/livez", "/ml/ml/livez", "/ml//livez"])
async def test_a_path_that_only_resembles_the_prefix_is_404(published, path: str) -> None:
    async with open_service(published, root_path="/ml") as client:
        assert (await client.get(path)).status_code == 404


async def test_openapi_lists_every_route_and_body(service) -> None:
    document = (await service.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    foreign = {dialect.name for dialect in DIALECTS}
    own = {
        path: item
        for path, item in document["paths"].items()
        if not any(foreign & set(operation["tags"]) for operation in item.values())
    }
    assert set(own) == {
        "/v1/classify",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/models/{model}/serving",
        "/v1/models/{model}/classify",
        "/v1/models/{model}/embed",
        "/v1/models/{model}/reconstruct",
        "/v1/models/{model}/versions/{version}/embed",
        "/v1/models/{model}/versions/{version}/reconstruct",
        "/v1/models/{model}/versions/{version}/classify",
        "/v1/models/{model}/complete",
        "/v1/models/{model}/versions/{version}/complete",
        "/v1/models/{model}/card",
        "/v1/models/{model}/card/{name}",
        "/v1/models/{model}/samples",
        "/v1/models/{model}/samples/{name}",
        "/v1/models/{model}/versions/{version}/card",
        "/v1/models/{model}/versions/{version}/card/{name}",
        "/v1/models/{model}/versions/{version}/samples",
        "/v1/models/{model}/versions/{version}/samples/{name}",
        "/livez",
        "/readyz",
        "/metrics",
    }
    forms = {
        "multipart/form-data",
        "application/json",
        "image/*",
        "audio/*",
        "text/x-tree",
        "text/plain",
    }
    for path, item in own.items():
        if not path.endswith(("classify", "embed", "reconstruct")):
            continue
        assert forms <= set(item["post"]["requestBody"]["content"])
        answers = set(item["post"]["responses"])
        assert {"200"} | {
            str(status)
            for status in problems.STATUSES.values()
            if status not in (401, 403, 409, 429, 499, 500)
        } <= answers


async def test_openapi_references_resolve(service) -> None:
    response = await service.get("/openapi.json")
    document = response.json()
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', response.text)):
        place = document
        for step in reference.split("/"):
            place = place[step]


async def test_a_file_needs_no_media_type_where_the_address_names_the_model(service) -> None:
    paths = (await service.get("/openapi.json")).json()["paths"]
    bodies = {
        path: operations["post"]["requestBody"]["content"]
        for path, operations in paths.items()
        if path.endswith("/classify")
    }
    assert {path for path in bodies if "application/octet-stream" not in bodies[path]} == {
        "/v1/classify"
    }
    assert len(bodies) == 3


async def test_openapi_operation_ids_are_unique(service) -> None:
    document = (await service.get("/openapi.json")).json()
    ids = [way["operationId"] for item in document["paths"].values() for way in item.values()]
    assert len(set(ids)) == len(ids)


async def test_openapi_examples_are_golden_cases(service):
    document = (await service.get("/openapi.json")).json()
    operation = document["paths"]["/v1/models/{model}/classify"]["post"]
    answers = operation["responses"]["200"]["content"]["application/json"]["examples"]
    assert set(answers) == {"colours", "moods", "sounds"}
    text = operation["requestBody"]["content"]["text/plain"]["examples"]["moods"]["value"]
    headers = {"Content-Type": "text/plain"}
    answer = (await service.post("/v1/models/moods/classify", content=text, headers=headers)).json()
    published = answers["moods"]["value"]
    assert answer["predictions"][0]["label"] == published["predictions"][0]["label"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


SCRIPT = "/docs/static/swagger-ui-bundle.js"
RANGES = [
    "bytes=0-0",
    "bytes=0-0,2-2",
    "bytes=" + ",".join(f"{2 * i}-{2 * i}" for i in range(3000)),
    "bytes=" + "0-," * 3000,
    "bytes=5-3",
    "bytes=99999999-",
    "bytes=" + "9" * 5000 + "-",
    "lines=1-2",
    "bytes",
]


@pytest.mark.parametrize("asked", RANGES, ids=[each[:20] for each in RANGES])
async def test_a_range_of_an_asset_is_answered_with_the_whole(service, asked: str) -> None:
    whole = await service.get(SCRIPT)
    answer = await service.get(SCRIPT, headers={"Range": asked})
    assert (answer.status_code, answer.content == whole.content) == (200, True)
    assert "accept-ranges" not in whole.headers


ELSEWHERE = [
    "__init__.py",
    "favicon-32x32.png",
    "",
    ".",
    "..%2f__init__.py",
    "%2e%2e/main.py",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "..\\main.py",
    "swagger-ui.css%00",
    "swagger-ui.css/",
    "swagger-ui.css/x",
    "%ff",
    "a" * 5000,
]


@pytest.mark.parametrize("path", ELSEWHERE, ids=[each[:20] for each in ELSEWHERE])
async def test_nothing_but_the_assets_of_the_page_is_served(service, path: str) -> None:
    answer = await service.get(f"/docs/static/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == PROBLEM


async def test_an_asset_that_a_browser_has_is_not_sent_again(service) -> None:
    first = await service.get(SCRIPT)
    known = {"If-None-Match": first.headers["etag"]}
    again = await service.get(SCRIPT, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    other = await service.get("/docs/static/swagger-ui.css", headers=known)
    assert other.status_code == 200


async def test_an_asset_is_sent_in_pieces_for_which_a_slow_client_is_waited_for(service) -> None:
    pieces = []

    async def send(message) -> None:
        pieces.append(len(message.get("body", b"")))

    async def receive():
        await asyncio.Event().wait()

    scope = {"type": "http", "method": "GET", "path": SCRIPT, "raw_path": SCRIPT.encode()}
    scope |= {"query_string": b"", "headers": [], "http_version": "1.1", "root_path": ""}
    await service.app(scope, receive, send)
    assert sum(pieces) > 1_000_000
    assert max(pieces) <= 2**16


async def test_a_form_has_files_only_and_the_names_of_models_are_listed(service) -> None:
    document = (await service.get("/openapi.json")).json()
    operation = document["paths"]["/v1/models/{model}/classify"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["properties"]) == {"file"}
    [model] = [each for each in operation["parameters"] if each["name"] == "model"]
    assert model["schema"]["enum"] == ["colours", "moods", "sounds"]

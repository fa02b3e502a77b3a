import re

import pytest

from app.api import problems

pytestmark = pytest.mark.anyio


async def test_docs_page_loads_from_this_host_only(service) -> None:
    page = await service.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    addresses = re.findall(r"""["'](/[\w./-]+)["']""", page.text)
    assert len(addresses) >= 3, "style, script and description"
    for address in addresses:
        assert (await service.get(address)).status_code == 200, address
    outside = re.findall(r"(?:https?:)?//[\w.-]+\.\w+", page.text)
    assert [host for host in outside if "www.w3.org" not in host] == []


async def test_docs_assets_load_from_this_host_only(service) -> None:
    css = await service.get("/docs/static/swagger-ui.css")
    assert css.headers["content-type"].startswith("text/css")
    assert re.findall(r"@import|url\((?!['\"]?data:)[^)]*\)", css.text) == []


async def test_home_redirects_to_the_docs(service) -> None:
    home = await service.get("/", headers={"Host": "elsewhere"})
    assert (home.status_code, home.headers["location"]) == (307, "/docs")


async def test_openapi_lists_every_route_and_body(service) -> None:
    document = (await service.get("/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/v1/classify",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/models/{model}/classify",
        "/v1/models/{model}/embed",
        "/v1/models/{model}/reconstruct",
        "/v1/models/{model}/versions/{version}/embed",
        "/v1/models/{model}/versions/{version}/reconstruct",
        "/v1/models/{model}/versions/{version}/classify",
        "/v1/models/{model}/complete",
        "/v1/models/{model}/versions/{version}/complete",
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
    for path, item in document["paths"].items():
        if not path.endswith(("classify", "embed", "reconstruct")):
            continue
        assert forms <= set(item["post"]["requestBody"]["content"])
        answers = set(item["post"]["responses"])
        assert {"200"} | {
            str(s) for s in problems.STATUSES.values() if s not in (499, 500)
        } <= answers


async def test_openapi_references_resolve(service) -> None:
    response = await service.get("/openapi.json")
    document = response.json()
    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', response.text)):
        place = document
        for step in reference.split("/"):
            place = place[step]


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

"""docs/reference/http.md describes what the service's OpenAPI document has, and no other names."""

import re
from typing import Any

import pytest

from app.api.problems import STATUSES
from tests.docs.pages import DOCS, extension

PAGE = (DOCS / "reference" / "http.md").read_text()


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = extension().document()
    return found


def first_column(heading: str) -> set[str]:
    """Return the code words in the first column of the first table below a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    table = section.partition("|---")[2].partition("\n\n")[0]
    return {
        word
        for row in table.splitlines()[1:]
        for word in re.findall(r"`([^`]+)`", row.split("|")[1])
    }


def test_the_page_has_every_address(document: dict[str, Any]) -> None:
    answered = {
        f"{method.upper()} {re.sub(r'(?<=/versions/{version}/).*', '…', path)}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    described = {"GET /", "GET /docs", "GET /openapi.json"}  # left out of the document by FastAPI
    assert first_column("Addresses") == answered | described


def test_the_page_has_every_option_of_classification(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/v1/classify"]["post"]["parameters"]
    assert first_column("Classify") == {one["name"] for one in parameters}


def test_the_page_has_every_member_of_a_completion(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/models/{model}/complete"]["post"]["requestBody"]
    name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    assert first_column("Complete") == set(document["components"]["schemas"][name]["properties"])


def test_the_page_has_every_status_of_an_error() -> None:
    section = PAGE.partition("## Errors\n")[2]
    described = {int(status) for status in re.findall(r"^\| (\d{3}) \|", section, re.M)}
    assert described == {*STATUSES.values(), 405}


def test_operations_and_schemas_become_sections_with_links() -> None:
    schema = {"type": "object", "title": "Cat", "properties": {"lives": {"type": "integer"}}}
    response = {"description": "A cat", "content": {"application/json": {"schema": schema}}}
    operation = {"description": "Return a cat.", "responses": {"200": response, "404": {}}}
    openapi = {"paths": {"/cat": {"get": operation}}, "components": {"schemas": {"Cat": schema}}}
    text = extension().render(openapi)
    assert "### `GET /cat`" in text
    assert "| 200 | A cat | `application/json` [Cat](#cat) |" in text
    assert "| `lives` | integer |  |  |" in text
    assert "[Errors](http.md#errors): 404" in text

"""Every error has the form of the dialect whose address was asked, and one status."""

import httpx
import pytest

from app import errors
from app.api.edge import AdmissionLimits, Edge
from app.api.problems import status_of
from app.in_flight import InFlight
from app.metrics import Metrics
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
RFC9457 = {"type", "title", "status", "detail", "request_id"}
FORMS = {
    "/v1/models/moods/classify": ("application/problem+json", RFC9457),
    "/v2": ("application/json", RFC9457 | {"error"}),
    "/v2/models/moods/infer": ("application/json", RFC9457 | {"error"}),
    "/v2x": ("application/problem+json", RFC9457),
    "/v1/models/moods:predict": ("application/json", RFC9457 | {"error"}),
    "/v1/models/moods/versions/1:predict": ("application/json", RFC9457 | {"error"}),
    "/v1/models/moods:predicted": ("application/problem+json", RFC9457),
    "/v1/embeddings": ("application/json", {"error", "request_id"}),
    "/v1/embeddings-of-mine": ("application/problem+json", RFC9457),
    "/hf/moods": ("application/json", {"error", "error_type", "request_id"}),
    "/hf/moods/embed": ("application/json", {"error", "error_type", "request_id"}),
}
KINDS = (
    *(errors.MalformedRequest, errors.UnknownKey, errors.UnknownModel, errors.TooLarge),
    *(errors.UnsupportedCoding, errors.InvalidInput, errors.QuotaExceeded, errors.Overloaded),
    *(errors.DeadlineExceeded, errors.ModelOutputInvalid, ZeroDivisionError),
)


async def failed(path: str, error: Exception) -> httpx.Response:
    """Return how the edge answers an error at an address."""

    async def fail(*_: object) -> None:
        raise error

    app = Edge(fail, Metrics(), AdmissionLimits(99, 99, 1), InFlight(), log_all=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.post(path)


def sentence(body: dict) -> str:
    """Return what a body says is wrong, wherever its form has it."""
    error = body.get("error", body.get("detail"))
    return error["message"] if isinstance(error, dict) else error


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_an_error_has_the_form_of_the_address(path: str, kind: type[Exception]) -> None:
    answer, plain = await failed(path, kind("why")), await failed("/", kind("why"))
    media_type, members = FORMS[path]
    body = answer.json()
    assert answer.status_code == plain.status_code == status_of(kind("why"))
    assert answer.headers["content-type"] == media_type
    assert set(body) == members
    assert sentence(body) == plain.json()["detail"]
    assert body["request_id"] == answer.headers["x-request-id"]
    for name in ("retry-after", "www-authenticate", "accept-encoding", "connection"):
        assert answer.headers.get(name) == plain.headers.get(name)


async def test_the_names_of_kinds_are_those_of_the_dialect() -> None:
    openai = (await failed("/v1/embeddings", errors.UnknownKey("why"))).json()["error"]
    assert openai == {
        "message": "why",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }
    late = (await failed("/v1/embeddings", errors.DeadlineExceeded("late"))).json()["error"]
    assert (late["type"], late["code"]) == ("server_error", "gateway_timeout")
    for error, kind in (
        (errors.InvalidInput("why"), "Validation"),
        (errors.UnknownModel("why"), "Validation"),
        (errors.Overloaded("why"), "Overloaded"),
        (ZeroDivisionError(), "Backend"),
    ):
        assert (await failed("/hf/moods", error)).json()["error_type"] == kind


@pytest.mark.parametrize("path", [path for path in FORMS if path.startswith(("/v2/", "/hf"))])
@pytest.mark.parametrize("method", ["PUT", "TRACE"])
async def test_what_fastapi_refuses_has_the_form_too(service, path: str, method: str) -> None:
    answer = await service.request(method, f"{path}/nothing/here")
    assert answer.status_code in (404, 405)
    assert set(answer.json()) == FORMS[path][1]
    assert answer.headers["content-type"] == FORMS[path][0]


async def test_a_prefix_of_a_proxy_changes_no_form(published) -> None:
    async with open_service(published, root_path="/ml") as client:
        for prefix in ("", "/ml"):
            body = (await client.post(f"{prefix}/hf/nothing/at/all")).json()
            assert set(body) == {"error", "error_type", "request_id"}

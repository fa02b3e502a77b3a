"""Every error is answered with a problem, which never repeats the request."""

import base64
import json
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from app import errors
from app.api import problems
from app.api.edge import AdmissionLimits, Edge
from app.in_flight import InFlight
from app.metrics import Metrics
from tests import media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
MARK = "Zq7Marker"
PATH = "/v1/models/moods/classify"


def subclasses(kind: type) -> list[type]:
    """Return the service's own error classes; those of the trainer never reach it."""
    children = [child for child in kind.__subclasses__() if child.__module__.startswith("app.")]
    return [kind, *(below for child in children for below in subclasses(child))]


KINDS = [kind for kind in subclasses(errors.ThalamusError) if len(subclasses(kind)) == 1]


def test_every_expected_error_has_a_status() -> None:
    bases = {errors.ThalamusError, errors.ClientError, errors.Unavailable}
    for kind in set(subclasses(errors.ThalamusError)) - bases:
        assert set(kind.__mro__) & set(problems.STATUSES), f"{kind.__name__} has no status"
    assert set(problems.STATUSES) <= set(subclasses(errors.ThalamusError))


def failing(error: Exception) -> httpx.AsyncClient:
    """Return a client of an application whose routes all fail."""
    app = FastAPI(exception_handlers=problems.HANDLERS)
    app.add_middleware(
        Edge,
        metrics=Metrics(),
        limits=AdmissionLimits(99, 99, 1),
        in_flight=InFlight(),
        log_all=True,
    )

    @app.get("/")
    async def fail() -> None:
        raise error

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
async def test_every_expected_error_is_a_problem(kind: type[errors.ThalamusError]) -> None:
    async with failing(kind("what went wrong")) as client:
        response = await client.get("/", headers={"X-Request-ID": "abc"})
    body = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert response.status_code == body["status"] == problems.status_of(kind(""))
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert body["request_id"] == response.headers["x-request-id"] == "abc"
    assert body["title"]
    if issubclass(kind, errors.OperatorError):
        assert response.status_code == 500
        assert "what went wrong" not in response.text, "that is for the log"
    else:
        assert body["detail"] == "what went wrong"
    assert ("retry-after" in response.headers) == issubclass(kind, errors.Unavailable)


async def test_unexpected_error_is_500_without_details(caplog) -> None:
    async with failing(ZeroDivisionError("secret")) as client:
        response = await client.get("/")
    assert response.status_code == 500
    assert response.headers["x-request-id"] == response.json()["request_id"]
    assert "secret" not in response.text


async def test_problem_has_an_index_only_for_batches() -> None:
    async with failing(errors.InvalidInput("bad", 3)) as client:
        body = (await client.get("/")).json()
    assert (body["index"], body["detail"]) == (3, "item 3: bad")


def test_error_texts_hold_no_status() -> None:
    assert problems.status_of(ValueError()) == 500


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/v1/models/", 404),
        ("POST", "/v1/models//classify", 404),
        ("POST", "/v1/models/nope/classify", 404),
        ("GET", "/v1/models/nope", 404),
        ("GET", PATH, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/livez", 405),
        ("GET", "/docs/static/nope.js", 404),
        ("GET", "/docs/static/%00", 404),
        ("GET", "/docs/static/..%2f..%2f__init__.py", 404),
        ("GET", "/docs/static/" + "a" * 5000, 404),
    ],
)
async def test_unknown_address_is_404_and_method_405(
    service, method: str, path: str, status: int
) -> None:
    response = await service.request(method, path, headers={"Content-Type": "text/plain"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert ("allow" in response.headers) == (status == 405)


ODD = ["0", "-1", "+1", "1e3", "1.0", "0x1", "%31%00", "%00", "%0a", "%ff", "%c0%ae", "١", "１"]
VERSIONS = [
    *ODD,
    "1%0a",
    "9" * 18,
    "9" * 19,
    "9" * 4301,
    "0" * 4301 + "1",
    " 1",
    "1 ",
    "",
    "a" * 99,
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version[:20])
async def test_an_address_with_an_odd_version_is_404(service, method: str, version: str) -> None:
    path = f"/v1/models/moods/versions/{version}/classify"
    response = await service.request(method, path, headers={"Content-Type": "text/plain"})
    number = version in ("0", "9" * 18)  # no such version, but it can be one
    assert response.status_code == (405 if number and method != "POST" else 404), response.text
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["//v1/models", "/v1//models", "/v1/models/%0a", "/livez/", "/%"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "TRACE"])
async def test_an_odd_path_is_answered_with_a_problem(service, method: str, path: str) -> None:
    response = await service.request(method, f"http://test{path}")
    assert response.status_code in (404, 405)
    assert response.headers["content-type"] == "application/problem+json"


async def test_an_error_inside_fastapi_is_a_problem(published, monkeypatch) -> None:
    async with open_service(published) as client:
        monkeypatch.delattr(client.app.state, "ready")
        response = await client.get("/readyz")
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["x-request-id"] == response.json()["request_id"]


async def test_json_as_one_of_several_items_is_no_text(service) -> None:
    body, kind = media.multipart(("file", b'{"instances": ["good"]}', "text/json"))
    answer = await service.post(PATH, content=body, headers={"Content-Type": kind})
    assert answer.status_code == 415


async def test_unknown_model_is_404_with_the_published_ones(service) -> None:
    response = await service.post("/v1/models/nope/classify", headers={"Content-Type": "a/b"})
    assert response.json()["detail"] == (
        "there is no model of that name; published are: colours, moods, sounds"
    )


def marked_requests():
    text, mark = {"Content-Type": "text/plain"}, MARK.encode()
    yield "model", f"/v1/models/{MARK}/classify", text, b"good"
    yield "version", f"/v1/models/moods/versions/{MARK}/classify", text, b"good"
    yield "path", f"/{MARK}", text, b"good"
    yield "quoted path", f"/v1/models/{quote('<b>' + MARK)}/classify", text, b"good"
    yield "query", f"{PATH}?top_k={MARK}", text, b"good"
    yield "slash", f"/v1/models/moods/classify/?{MARK}", text | {"Host": MARK}, b"good"
    yield "media type", PATH, {"Content-Type": f"{MARK}/{MARK}"}, b"good"
    yield "media type, default", "/v1/classify", {"Content-Type": f"{MARK}/{MARK}"}, b"good"
    yield "charset", PATH, {"Content-Type": f"text/plain; charset={MARK}"}, b"good"
    yield "charset, spelt oddly", PATH, {"Content-Type": "text/plain; charset=uS-asCIi"}, b"\xff"
    yield "boundary", PATH, {"Content-Type": f"multipart/form-data; boundary={MARK}"}, b"x"
    yield "header", PATH, {"Content-Type": "image/png", "X-Thing": MARK}, b"good"
    yield "request id", PATH, {"Content-Type": "image/png", "X-Request-ID": f"<{MARK}>"}, b"good"
    yield "raw", PATH, text, b"\xff" + mark
    yield "image", "/v1/models/colours/classify", {"Content-Type": "image/png"}, mark
    yield "sound", "/v1/models/sounds/classify", {"Content-Type": "audio/wav"}, b"RIFF" + mark
    encoded = base64.b64encode(b"\xff" + mark).decode()
    for name, document in {
        "json text": MARK,
        "json key": {MARK: 1},
        "json instances": {"instances": MARK},
        "json instance": {"instances": [{MARK: MARK}]},
        "json b64": {"instances": [{"b64": MARK + "!"}]},
        "json content": {"instances": [{"b64": encoded, "media_type": "text/plain"}]},
        "json media type": {"instances": [{"b64": "", "media_type": MARK}]},
        "json charset": {"instances": [{"b64": "", "media_type": f"text/a; charset={MARK}"}]},
    }.items():
        yield name, PATH, {"Content-Type": "application/json"}, json.dumps(document).encode()
    yield "not json", PATH, {"Content-Type": "application/json"}, mark
    for name, part in {
        "part name": (MARK, b"good", None),
        "part media type": ("file", b"good", f"image/{MARK}"),
        "part charset": ("file", b"good", f"text/plain; charset={MARK}"),
        "part data": ("file", b"\xff" + mark, "text/plain"),
    }.items():
        body, kind = media.multipart(part)
        yield name, PATH, {"Content-Type": kind}, body


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [pytest.param(*request[1:], id=request[0]) for request in marked_requests()],
)
async def test_problem_never_repeats_the_request(service, path, headers, body) -> None:
    response = await service.post(path, headers=headers, content=body)
    assert 400 <= response.status_code < 500, response.text
    assert response.headers["content-type"] == "application/problem+json"
    everything = (response.text + str(response.headers.raw)).lower()
    for echo in (MARK.lower(), "us-ascii", "<b>"):
        assert echo not in everything

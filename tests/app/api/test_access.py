"""API keys in requests: what is answered 401, 403, 429 and 400, counted and logged as what."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.api.access import MAX_KEY, presented_key
from app.errors import AmbiguousKey, NoKey, UnknownKey
from tests.app.api.keys import ADMIN, PREDICT, SLOW, write_keys
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH, TEXT = "/v1/models/moods/classify", {"Content-Type": "text/plain"}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return write_keys(tmp_path / "keys.jsonl")


@pytest.fixture
async def guarded(published: Path, keys: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(published, keys_file=keys, log_requests=True) as client:
        yield client


async def metrics(client: httpx.AsyncClient) -> str:
    return (await client.get("/metrics", headers={"X-API-Key": ADMIN})).text


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"authorization": b"Bearer thal_a"}, b"thal_a"),
        ({"authorization": b"bearer thal_a"}, b"thal_a"),
        ({"authorization": b"BEARER   thal_a "}, b"thal_a"),
        ({"x-api-key": b"thal_a"}, b"thal_a"),
        ({"x-api-key": b" thal_a\t"}, b"thal_a"),
        ({"authorization": b"Bearer thal_a", "x-api-key": b"thal_a"}, b"thal_a"),
        ({"authorization": b"Bearer a b"}, b"a b"),
        ({"x-api-key": b"\xff\x00\n"}, b"\xff\x00\n"),
        ({"x-api-key": b"k" * MAX_KEY}, b"k" * MAX_KEY),
    ],
)
def test_a_key_is_read_from_either_header(headers: dict, key: bytes) -> None:
    fields = [(name.encode(), value) for name, value in headers.items()]
    assert presented_key([(b"host", b"x"), *fields, (b"cookie", b"key=1")]) == key


A, X = b"authorization", b"x-api-key"
BAD = {
    "nothing": ([], NoKey),
    "other headers": ([(b"proxy-authorization", b"Bearer a"), (b"api-key", b"a")], NoKey),
    "empty": ([(A, b"")], NoKey),
    "empty key": ([(X, b"")], NoKey),
    "spaces": ([(X, b" \t ")], NoKey),
    "scheme alone": ([(A, b"Bearer")], NoKey),
    "scheme and spaces": ([(A, b"Bearer   ")], NoKey),
    "no scheme": ([(A, b"thal_a")], NoKey),
    "basic": ([(A, b"Basic dGhhbDphCg==")], NoKey),
    "digest": ([(A, b'Digest username="a"')], NoKey),
    "tab": ([(A, b"Bearer\tthal_a")], NoKey),
    "a scheme like it": ([(A, b"Bearer2 thal_a")], NoKey),
    "another scheme beside a key": ([(A, b"Basic eDp5"), (X, b"thal_a")], NoKey),
    "an empty header beside a key": ([(A, b"Bearer thal_a"), (X, b"")], NoKey),
    "two of one": ([(A, b"Bearer thal_a"), (A, b"Bearer thal_b")], AmbiguousKey),
    "the same twice": ([(X, b"thal_a"), (X, b"thal_a")], AmbiguousKey),
    "two keys": ([(A, b"Bearer thal_a"), (X, b"thal_b")], AmbiguousKey),
    "two cases": ([(A, b"Bearer thal_a"), (X, b"THAL_A")], AmbiguousKey),
    "long": ([(X, b"k" * (MAX_KEY + 1))], UnknownKey),
    "a megabyte": ([(A, b"Bearer " + b"k" * 2**20)], UnknownKey),
}


@pytest.mark.parametrize(("headers", "error"), BAD.values(), ids=BAD)
def test_other_credentials_are_refused_and_not_repeated(headers: list, error: type) -> None:
    with pytest.raises(error) as refused:
        presented_key(headers)
    assert type(refused.value) is error
    text = str(refused.value)
    assert "thal_" not in text and "dGhhbDphCg" not in text and "kkk" not in text


def test_no_headers_give_a_key_that_is_not_in_them() -> None:
    drawn = random.Random(16)
    names = [b"authorization", b"x-api-key", b"x-api-key ", b"host"]
    parts = [
        b"Bearer",
        b"bearer",
        b"Basic",
        b" ",
        b"\t",
        b"a",
        b"\0",
        b"\xff",
        b",",
        b"k" * 300,
        b"",
    ]
    for _ in range(5000):
        headers = [
            (drawn.choice(names), b"".join(drawn.choices(parts, k=drawn.randrange(5))))
            for _ in range(drawn.randrange(4))
        ]
        try:
            key = presented_key(headers)
        except (NoKey, AmbiguousKey):
            continue
        given = [value for name, value in headers if name in names[:2]]
        assert (
            0 < len(key) <= MAX_KEY
            and given
            and all(each.endswith(key) for each in [value.strip(b" \t") for value in given])
        )


@pytest.mark.parametrize("name", ["Authorization", "X-API-Key"])
async def test_a_key_is_accepted_in_either_header(guarded: httpx.AsyncClient, name: str) -> None:
    value = f"Bearer {PREDICT}" if name == "Authorization" else PREDICT
    answer = await guarded.post(PATH, content=b"good", headers=TEXT | {name: value})
    assert (answer.status_code, answer.json()["model"]) == (200, "moods")


async def test_refusals_are_problems_with_their_statuses(guarded: httpx.AsyncClient) -> None:
    nothing = await guarded.post(PATH, content=b"good", headers=TEXT)
    unknown = await guarded.post(PATH, headers={"X-API-Key": f"{PREDICT}x"})
    double = await guarded.post(PATH, headers=[("X-API-Key", PREDICT), ("X-API-Key", PREDICT)])
    scope = await guarded.get("/metrics", headers={"X-API-Key": PREDICT})
    for answer, status in ((nothing, 401), (unknown, 401), (double, 400), (scope, 403)):
        assert answer.status_code == answer.json()["status"] == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
        assert "thal_" not in answer.text
        assert "connection" not in answer.headers, "it stays open"
    assert "Authorization: Bearer KEY" in nothing.json()["detail"]
    assert "scope admin" in scope.json()["detail"]


async def test_admin_may_do_what_predict_may(guarded: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {ADMIN}"}
    assert (await guarded.post(PATH, content=b"good", headers=TEXT | headers)).status_code == 200
    assert (await guarded.get("/v1/models", headers=headers)).status_code == 200
    assert (await guarded.get("/metrics", headers=headers)).status_code == 200


async def test_a_quota_that_is_used_up_is_429_with_the_time_to_wait(
    guarded: httpx.AsyncClient,
) -> None:
    headers = TEXT | {"X-API-Key": SLOW}
    for _ in range(3):
        assert (await guarded.post(PATH, content=b"good", headers=headers)).status_code == 200
    answer = await guarded.post(PATH, content=b"good", headers=headers)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 7200
    assert "3/hour" in answer.json()["detail"]
    assert "connection" not in answer.headers
    assert (await guarded.get("/livez", headers=headers)).status_code == 200, "it needs no key"
    assert (await guarded.get("/metrics", headers=headers)).status_code == 403
    assert (await guarded.get("/nowhere", headers={"X-API-Key": PREDICT})).status_code == 404


@pytest.mark.parametrize("key", ["", "unknown", SLOW])
async def test_a_refused_request_has_no_byte_of_its_body_read(
    guarded: httpx.AsyncClient, key: str
) -> None:
    headers = TEXT | ({"X-API-Key": key} if key else {})
    for _ in range(3 if key == SLOW else 0):
        await guarded.get("/v1/models", headers=headers)
    read: list[bytes] = []

    async def body() -> AsyncIterator[bytes]:  # it is sent in chunks
        read.append(b"good")
        yield b"good"

    answer = await guarded.post(PATH, content=body(), headers=headers)
    assert answer.status_code == (429 if key == SLOW else 401)
    assert not read


async def test_refusals_are_counted_by_reason_and_keys_by_no_label(
    guarded: httpx.AsyncClient,
) -> None:
    await guarded.post(PATH)
    await guarded.post(PATH, headers={"X-API-Key": "unknown"})
    await guarded.post(PATH, headers={"X-API-Key": PREDICT, "Authorization": "Bearer other"})
    await guarded.get("/metrics")
    await guarded.get("/metrics", headers={"X-API-Key": PREDICT})
    for _ in range(4):
        await guarded.get("/v1/models", headers={"X-API-Key": SLOW})
    text = await metrics(guarded)
    reasons = {"no_key": 2, "unknown_key": 1, "ambiguous_key": 1, "missing_scope": 1, "quota": 1}
    for reason, count in reasons.items():
        assert f'thalamus_refusals_total{{model="",reason="{reason}"}} {count}.0' in text
    assert 'operation="other",status="401"} 3.0' in text, "a refused scrape is no probe"
    assert "thalamus_keys_file_error 0.0" in text
    assert not any(word in text for word in ("clients", "slow", "operator", "thal_"))


async def test_the_log_has_the_name_of_a_key_and_never_the_key(
    guarded: httpx.AsyncClient, log: list[dict]
) -> None:
    await guarded.post(PATH, content=b"good", headers=TEXT | {"X-API-Key": PREDICT})
    await guarded.get("/metrics", headers={"Authorization": f"Bearer {PREDICT}"})
    await guarded.get("/v1/models", headers={"X-API-Key": "thal_unknown"})
    await guarded.get("/v1/models", headers={"Authorization": "Basic dGhhbF9iYXNpYw=="})
    lines = [line for line in log if line["event"] == "request" and line["operation"] != "probe"]
    assert [(line["status"], line.get("key")) for line in lines] == [
        (200, "clients"),
        (403, "clients"),
        (401, None),
        (401, None),
    ]
    assert not any(word in json.dumps(log) for word in ("thal_", "dGhhbF"))


async def test_the_openapi_document_has_the_keys_where_they_are_needed(
    guarded: httpx.AsyncClient, service: httpx.AsyncClient
) -> None:
    document = (await guarded.get("/openapi.json")).json()
    schemes = document["components"]["securitySchemes"]
    assert [(each["type"], each.get("scheme")) for each in schemes.values()] == [
        ("http", "bearer"),
        ("apiKey", None),
    ]
    scopes = {
        path: operation["security"][0]["bearer"] if "security" in operation else None
        for path, operations in document["paths"].items()
        for operation in operations.values()
    }
    probes = {"/livez", "/readyz", "/v2/health/live", "/v2/health/ready"}
    assert {path for path, scope in scopes.items() if scope is None} == probes
    assert {path for path, scope in scopes.items() if scope == ["admin"]} == {
        "/metrics",
        "/v1/models/{model}/serving",
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            has = {"401", "403", "429"} & set(operation["responses"])
            assert len(has) == (3 if scopes[path] else 0)
            assert operation.get("security", [{}, {}])[1].keys() <= {"header"}
    plain = (await service.get("/openapi.json")).text
    assert "securitySchemes" not in plain and '"401"' not in plain and '"security"' not in plain


@pytest.mark.slow
async def test_keys_change_without_a_restart_and_a_bad_file_changes_nothing(
    guarded: httpx.AsyncClient, keys: Path
) -> None:
    async def status(key: str) -> int:
        return (await guarded.get("/v1/models", headers={"X-API-Key": key})).status_code

    async def until(key: str, expected: int) -> None:
        async with asyncio.timeout(30):
            while await status(key) != expected:
                await asyncio.sleep(0.01)

    async def wait_for_error(value: int) -> None:
        async with asyncio.timeout(30):
            while f"thalamus_keys_file_error {value}.0" not in await metrics(guarded):
                await asyncio.sleep(0.01)

    write_keys(keys, "thal_new", ADMIN)
    await until("thal_new", 200)
    assert await status(PREDICT) == 401
    keys.write_text('{"name": "half')
    await wait_for_error(1)
    assert (await status("thal_new"), await status(PREDICT)) == (200, 401)
    write_keys(keys, ADMIN, PREDICT)
    await until(PREDICT, 200)
    assert await status("thal_new") == 401
    await wait_for_error(0)


async def test_without_a_file_of_keys_nobody_needs_one(service: httpx.AsyncClient) -> None:
    answer = await service.get("/metrics", headers={"Authorization": "Basic x"})
    assert answer.status_code == 200
    assert "\nthalamus_keys_file_error " not in answer.text


async def test_an_empty_file_refuses_everybody(published: Path, tmp_path: Path) -> None:
    (tmp_path / "keys").touch()
    async with open_service(published, keys_file=tmp_path / "keys") as client:
        assert (await client.get("/v1/models", headers={"X-API-Key": ADMIN})).status_code == 401
        assert (await client.get("/readyz")).status_code == 200

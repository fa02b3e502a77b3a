"""`POST /v1/models/{model}/serving`: changes over HTTP, what they answer, what is refused."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.problems import NOT_WRITTEN
from app.bundle import publish
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule, write_rule
from app.serving.rule_changes import RuleChange
from tests import fakes
from tests.app.api.controlled import controlled
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
ADDRESS = "/v1/models/mine/serving"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return fakes.publish_three_versions(tmp_path / "models")


@pytest.fixture
async def client(models: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with controlled(models) as opened:
        yield opened


async def change(client: httpx.AsyncClient, verb: str, **members: Any) -> RuleChange:
    answer = await client.post(ADDRESS, json={"change": verb, **members})
    assert answer.status_code == 200, answer.text
    return RuleChange.model_validate(answer.json())


async def refused(client: httpx.AsyncClient, status: int, **sent: Any) -> str:
    """Return the detail of a problem with this status."""
    answer = await client.post(sent.pop("address", ADDRESS), **sent)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "/models/mine" not in answer.text, "where it lies is nobody's business"
    return str(answer.json()["detail"])


async def test_each_change_answers_with_the_state_before_and_after(client, models: Path) -> None:
    answer = await client.post(ADDRESS, json={"change": "pin", "version": 2})
    body = answer.json()
    assert body["after"].pop("changed").endswith("Z")
    state = {"model": "mine", "published": [1, 2, 3], "keep": 2, "held": [], "problem": None}
    latest = {"version": 3, "policy": "latest", "pinned": None, "changed": None}
    assert body == {
        "before": state | latest,
        "after": state | {"version": 2, "policy": "pinned", "pinned": 2},
        "copy_of": None,
    }
    assert read_rule(models / "mine") == ServingRule(policy="pinned", version=2)
    assert (await change(client, "rollback")).after.version == 1
    assert (await change(client, "unpin")).after.version == 3
    assert (await change(client, "hold", version=3, reason="worse")).after.version == 2
    assert read_rule(models / "mine").reasons == {3: "worse"}
    assert (await change(client, "release", version=3)).after.version == 3
    copied = await change(client, "rollback", copy=True)
    assert (copied.copy_of, copied.after.version, copied.after.policy) == (2, 4, "latest")
    assert (models / "mine" / "4" / "manifest.json").exists()


async def test_a_rollback_goes_back_from_what_really_serves(client, models: Path) -> None:
    broken = models / "mine" / "4"
    broken.mkdir()
    (broken / "manifest.json").write_text("{}")
    await client.app.state.catalog.refresh()
    done = await change(client, "rollback")
    assert (done.before.version, done.after.version) == (3, 2), "4 cannot answer"


async def test_changes_at_once_are_all_made(client, models: Path) -> None:
    await change(client, "pin", version=3)
    holds = [change(client, "hold", version=version) for version in (1, 2)]
    await asyncio.gather(*holds)
    assert read_rule(models / "mine").held == (1, 2)


async def test_a_change_is_one_event_in_the_log(client, caplog) -> None:
    with caplog.at_level(logging.INFO, "thalamus"):
        await change(client, "hold", version=2)
    (fields,) = [r.fields for r in caplog.records if r.message == "serving rule changed"]
    request_id = fields.pop("request_id")
    assert len(request_id) == 32
    assert fields == {
        "model": "mine",
        "change": "hold",
        "version": 2,
        "serves": 3,
        "key": "operator",
    }


async def test_without_a_keys_file_control_is_closed(models: Path) -> None:
    async with open_service(models, defaults={}) as service:
        for body in ({"change": "pin", "version": 2}, {}, [1]):
            detail = await refused(service, 403, json=body)
            assert detail == "model control over HTTP needs a keys file, THALAMUS_KEYS_FILE"
    assert not (models / "mine" / SERVING_FILE).exists()


@pytest.mark.parametrize("model", ["nobody", "..", "%2e%2e", "mine%00", "MINE", "a" * 5000, "%0a"])
async def test_an_unknown_model_is_404(client, model: str) -> None:
    address = f"http://test/v1/models/{model}/serving"
    await refused(client, 404, address=address, json={"change": "unpin"})


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"change": "pin", "version": 9}, "version 9 is not published; published are: 1, 2, 3"),
        ({"change": "unpin"}, "no version is pinned"),
        ({"change": "release", "version": 1}, "version 1 is not held; held are: none"),
        ({"change": "hold", "version": 9}, "version 9 is not published"),
    ],
)
async def test_an_impossible_change_is_409(client, models: Path, members, why: str) -> None:
    assert why in await refused(client, 409, json=members)
    assert not (models / "mine" / SERVING_FILE).exists()


async def test_nothing_to_go_back_to_is_409(client, models: Path) -> None:
    await change(client, "pin", version=1)
    for copy in (False, True):
        asked = {"change": "rollback", "copy": copy}
        assert "nothing to go back to" in await refused(client, 409, json=asked)
    (models / "mine" / "1" / "model.onnx").write_bytes(b"")
    await change(client, "pin", version=2)
    asked = {"change": "rollback", "copy": True}
    assert "version 1 cannot be copied: mine/1: " in await refused(client, 409, json=asked)


async def test_a_broken_file_is_409_and_not_repaired(client, models: Path) -> None:
    (models / "mine" / SERVING_FILE).write_text('{"policy": ')
    for members in ({"change": "unpin"}, {"change": "pin", "version": 1}):
        detail = await refused(client, 409, json=members)
        assert detail.startswith("mine/serving.json: Invalid JSON")
        assert detail.endswith("correct that file, or delete it, first")
    assert (models / "mine" / SERVING_FILE).read_text() == '{"policy": '


async def test_a_folder_that_is_read_only_is_500_and_says_so(client, models, monkeypatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(os, "fsync", refuse)
    detail = await refused(client, 500, json={"change": "pin", "version": 1})
    assert detail == NOT_WRITTEN
    assert not (models / "mine" / SERVING_FILE).exists()


MARK = "Zq7Marker"
BODIES: list[tuple[int, bytes]] = [
    (400, b""),
    (400, b"{"),
    (400, MARK.encode()),
    (400, b"\xff{}"),
    (400, '{"change": "unpin"}'.encode("utf-16")),
    (400, b"[" * 10_000),
    (400, b'{"a":' * 1010 + b"1" + b"}" * 1010),
    (400, b'{"change": "pin", "version": NaN}'),
    (413, b" " * 20_000 + b"{}"),
    (422, b"[]"),
    (422, b"null"),
    (422, b"{}"),
    (422, b'{"change": "Zq7Marker"}'),
    (422, b'{"change": ["pin"]}'),
    (422, b'{"change": "pin"}'),
    (422, b'{"change": "pin", "version": null}'),
    (422, b'{"change": "pin", "version": "Zq7Marker"}'),
    (422, b'{"change": "pin", "version": true}'),
    (422, b'{"change": "pin", "version": 1.0}'),
    (422, b'{"change": "pin", "version": 0}'),
    (422, b'{"change": "pin", "version": -1}'),
    (422, b'{"change": "pin", "version": 1' + b"0" * 18 + b"}"),
    (400, b'{"change": "pin", "version": 1' + b"0" * 4000 + b"}"),
    (422, b'{"change": "pin", "version": 1, "version": 2}'),
    (422, b'{"change": "pin", "version": 1, "Zq7Marker": 2}'),
    (422, b'{"change": "pin", "version": 1, "reason": "Zq7Marker"}'),
    (422, b'{"change": "unpin", "version": 1}'),
    (422, b'{"change": "rollback", "copy": "yes"}'),
    (422, b'{"change": "hold", "version": 1, "reason": "Zq7Marker\\n"}'),
    (422, b'{"change": "hold", "version": 1, "reason": "' + b"Zq7Marker" * 60 + b'"}'),
]


@pytest.mark.parametrize(("status", "body"), BODIES, ids=lambda part: str(part)[:40])
async def test_an_odd_body_is_refused_and_not_repeated(
    client, models: Path, status: int, body: bytes
) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    detail = await refused(client, status, content=body, headers=headers)
    assert MARK.lower() not in detail.lower() and len(detail) < 300
    assert not (models / "mine" / SERVING_FILE).exists()


@pytest.mark.parametrize("kind", ["", "text/plain", "text/json", "application/x+json", MARK])
async def test_another_media_type_is_415(client, kind: str) -> None:
    body, headers = b'{"change": "unpin"}', {"Content-Type": kind} if kind else {}
    detail = await refused(client, 415, content=body, headers=headers)
    assert detail == "expected a body of application/json"


async def test_a_query_parameter_is_refused(client) -> None:
    await refused(client, 422, address=f"{ADDRESS}?version=3", json={"change": "unpin"})


async def test_a_body_that_does_not_arrive_is_408(models: Path) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with controlled(models, receive_timeout=0.05) as client:
        headers = {"Content-Type": "application/json"}
        await refused(client, 408, content=slow(), headers=headers)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_405(client, method: str) -> None:
    answer = await client.request(method, ADDRESS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_model_called_serving_is_no_other(client, models: Path) -> None:
    publish(fakes.text_bundle("serving"), models)
    answer = await client.post("/v1/models/serving/classify", json={"instances": ["good"]})
    assert answer.json()["model"] == "serving"
    write_rule(models / "serving", ServingRule(policy="pinned", version=1))
    address = "/v1/models/serving/serving"
    assert (await client.post(address, json={"change": "unpin"})).status_code == 200

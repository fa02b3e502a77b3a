from datetime import datetime

import pytest

from app.bundle import publish
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio


async def test_catalog_lists_models(service) -> None:
    body = (await service.get("/v1/models")).json()
    assert [(m["name"], m["modality"], m["task"]) for m in body["models"]] == [
        ("colours", "image", "classify"),
        ("moods", "text", "classify"),
        ("sounds", "audio", "classify"),
    ]
    assert body["models"][0]["versions"] == [
        {"version": 1, "state": "ready", "provider": "CPUExecutionProvider"}
    ]


async def test_catalog_lists_models_of_every_task(models) -> None:
    publish(fakes.autoencoder_bundle("a-colour"), models)
    async with open_service(models, defaults={}) as client:
        listed = (await client.get("/v1/models")).json()["models"]
        assert ("a-colour", "reconstruct") in [(m["name"], m["task"]) for m in listed]
        send = {"content": media.picture(), "headers": {"Content-Type": "image/png"}}
        refused = await client.post("/v1/models/a-colour/classify", **send)
        assert refused.status_code == 404
        assert refused.json()["detail"] == (
            "a-colour does not classify; what it can be asked is to embed or reconstruct"
        )
        by_media_type = (await client.post("/v1/classify", **send)).json()
        assert by_media_type["model"] == "colours", "it is for classifiers only"
        assert (await client.get("/openapi.json")).status_code == 200


async def test_catalog_describes_one_model(service) -> None:
    body = (await service.get("/v1/models/colours")).json()
    facts = body["versions"][0]["facts"]
    assert facts["labels"] == ["red", "green", "blue"]
    assert facts["encoder"]["kind"] == "image"
    assert facts["provenance"]["recipe"] == "fake"
    assert set(facts) >= {"description", "metrics", "licence"}


async def test_catalog_gives_the_reason_of_a_failure(models) -> None:
    (models / "colours" / "1" / "model.onnx").write_bytes(b"")
    async with open_service(models) as client:
        (version,) = (await client.get("/v1/models/colours")).json()["versions"]
        assert version["state"] == "failed"
        assert "was altered" in version["reason"]
        assert str(models) not in version["reason"], "where it lies is nobody's business"
        response = await client.post(
            "/v1/models/colours/classify", content=b"", headers={"Content-Type": "image/png"}
        )
        assert response.status_code == 503


async def test_the_catalog_says_which_version_serves_and_why(models) -> None:
    for version in (2, 3, 4):
        publish(fakes.image_bundle(version=version), models)
    rule = '{"policy": "pinned", "version": 2, "held": [4, 3], "reasons": {"4": "worse"}}'
    (models / "colours" / "serving.json").write_text(rule)
    async with open_service(models) as client:
        body = (await client.get("/v1/models/colours")).json()
        serving = body["serving"]
        assert datetime.fromisoformat(serving.pop("since")) >= datetime.fromisoformat(
            serving.pop("changed")
        )
        assert serving == {
            "version": 2,
            "policy": "pinned",
            "pinned": 2,
            "keep": 2,
            "held": [{"version": 3}, {"version": 4, "reason": "worse"}],
        }
        states = {each["version"]: each["state"] for each in body["versions"]}
        assert states == {1: "ready", 2: "ready", 3: "unloaded", 4: "ready"}
        listed = (await client.get("/v1/models")).json()["models"][0]
        assert listed["serving"]["version"] == 2
        metrics = (await client.get("/metrics")).text
        assert 'thalamus_serving_workers{model="colours",version="2"} 1' in metrics
        assert 'thalamus_serving_rule_problems{model="colours"} 0' in metrics


async def test_a_rule_that_cannot_be_followed_is_said_in_the_catalog(models) -> None:
    (models / "colours" / "serving.json").write_text('{"pin": 1}')
    async with open_service(models) as client:
        serving = (await client.get("/v1/models/colours")).json()["serving"]
        problem = "colours/serving.json: pin: Extra inputs are not permitted"
        assert serving == {"held": [], "problem": problem}
        sent = await client.post("/v1/models/colours/classify", content=media.picture())
        assert sent.status_code == 503
        assert "kept from serving; GET /v1/models/colours says why" in sent.json()["detail"]
        metrics = (await client.get("/metrics")).text
        assert 'thalamus_serving_rule_problems{model="colours"} 1' in metrics


@pytest.mark.parametrize("path", ["/v1/classify", "/v1/models/colours/classify"])
async def test_an_answer_names_its_version_in_headers(service, path: str) -> None:
    headers = {"Content-Type": "image/png"}
    answer = await service.post(path, content=media.picture(), headers=headers)
    named = answer.headers["x-model-name"], answer.headers["x-model-version"]
    assert named == (answer.json()["model"], str(answer.json()["version"])) == ("colours", "1")
    refused = await service.post(path, content=b"no picture", headers=headers)
    assert (refused.status_code, refused.headers["x-model-version"]) == (422, "1")
    assert "x-model-name" not in (await service.get("/v1/models/colours")).headers

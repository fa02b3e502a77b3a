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

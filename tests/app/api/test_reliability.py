"""Prediction sets, novelty and abstention over HTTP, and models without thresholds."""

from pathlib import Path

import pytest

from app.modalities import Payload
from app.pipeline import Pipeline
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/calibrated/classify"
PNG = {"Content-Type": "image/png"}
GRAY = media.picture(colour=(90, 90, 90))
PICTURES = [media.picture(), media.saved(media.scene()), GRAY]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fakes.publish_all(
        tmp_path_factory.mktemp("models"), fakes.calibrated_bundle(), fakes.image_bundle()
    )


async def test_familiar_and_credible_item_is_not_abstained(folder: Path) -> None:
    async with open_service(folder) as service:
        answer = (await service.post(PATH, content=PICTURES[0], headers=PNG)).json()
    prediction = answer["predictions"][0]
    assert prediction["prediction_set"] == ["red"] and prediction["abstained"] is False
    assert prediction["novelty"] < 0.1


async def test_novel_or_undecided_item_is_abstained(folder: Path) -> None:
    async with open_service(folder) as service:
        scene, gray = [
            (await service.post(PATH, content=picture, headers=PNG)).json()["predictions"][0]
            for picture in PICTURES[1:]
        ]
    assert scene["abstained"] and scene["novelty"] > 0.5
    assert gray["abstained"] and gray["novelty"] < 0.5 and gray["prediction_set"] == []
    for abstained in (scene, gray):
        assert abstained["label"] in fakes.COLOURS and len(abstained["top"]) == 3


async def test_abstained_metric_exists_for_models_with_thresholds(folder: Path) -> None:
    async with open_service(folder) as service:
        await service.post(PATH, content=PICTURES[0], headers=PNG)
        await service.post("/v1/models/colours/classify", content=PICTURES[1], headers=PNG)
        counted = (await service.get("/metrics")).text
        assert 'thalamus_abstained_total{model="calibrated",version="1"} 0.0' in counted
        files = [("file", (f"{n}.png", picture, "image/png")) for n, picture in enumerate(PICTURES)]
        await service.post(PATH, files=files)
        counted = (await service.get("/metrics")).text
    assert 'thalamus_abstained_total{model="calibrated",version="1"} 2.0' in counted
    assert 'thalamus_items_total{model="calibrated",version="1"} 4.0' in counted
    assert 'abstained_total{model="colours"' not in counted


async def test_model_without_thresholds_omits_reliability(folder: Path) -> None:
    async with open_service(folder) as service:
        path = "/v1/models/colours/classify"
        answer = (await service.post(path, content=PICTURES[1], headers=PNG)).json()
        facts = (await service.get("/v1/models/colours")).json()["versions"][0]["facts"]
    assert set(answer["predictions"][0]) == {"label", "probability", "top"}
    assert not {"conformal", "novelty"} & set(facts)


async def test_thresholds_and_an_example_are_published(folder: Path) -> None:
    async with open_service(folder) as service:
        facts = (await service.get("/v1/models/calibrated")).json()["versions"][0]["facts"]
        document = (await service.get("/openapi.json")).json()
    assert facts["conformal"]["coverage"] == 0.95 and facts["novelty"]["threshold"] == 0.5
    answers = document["paths"]["/v1/classify"]["post"]["responses"]["200"]
    examples = answers["content"]["application/json"]["examples"]
    shown = examples["calibrated"]["value"]["predictions"][0]
    assert (
        shown["prediction_set"] == ["red"]
        and shown["novelty"] < 0.1
        and shown["abstained"] is False
    )
    assert "prediction_set" not in examples["colours"]["value"]["predictions"][0]


def test_batch_gives_the_reliability_of_single_items() -> None:
    pipeline = Pipeline(fakes.calibrated_bundle())
    payloads = [Payload(picture, "image/png") for picture in PICTURES]
    alone = [pipeline.predict([payload])[0] for payload in payloads]
    for one, other in zip(pipeline.predict(payloads), alone, strict=True):
        assert (one.prediction_set, one.abstained) == (
            other.prediction_set,
            other.abstained,
        )
        assert one.novelty == pytest.approx(other.novelty, abs=1e-6)

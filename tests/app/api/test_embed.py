import httpx
import numpy as np
import pytest

from app.bundle import publish
from app.modalities import Payload
from app.pipeline import Pipeline
from app.tasks.embed import EmbedOptions
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PICTURES = [media.picture(), media.saved(media.scene()), media.picture(colour=(9, 99, 199))]
BUNDLES = [fakes.autoencoder_bundle("a-colour"), fakes.embedding_bundle("a-classifier")]


@pytest.fixture(scope="module")
async def service(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory):
    models = tmp_path_factory.mktemp("models")
    for bundle in (*BUNDLES, fakes.image_bundle()):
        publish(bundle, models)
    async with open_service(models) as client:
        yield client


async def embedded(service: httpx.AsyncClient, address: str, **request) -> np.ndarray:
    response = await service.post(f"/v1/models/{address}", **request)
    assert response.status_code == 200, response.text
    assert response.headers["server-timing"].startswith("queue")
    answer = response.json()
    assert (answer["model"], answer["version"]) == (address.split("/")[0], 1)
    return np.asarray(answer["embeddings"])


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.manifest.task)
async def test_embed_answers_every_form_of_a_body_as_the_pipeline(service, bundle) -> None:
    name = bundle.manifest.name
    payloads = [Payload(data, "image/png") for data in PICTURES]
    expected = np.asarray(Pipeline(bundle).predict(payloads, EmbedOptions()))
    assert expected.shape == (3, 3) and np.unique(expected, axis=0).shape == (3, 3)
    raw = [
        await embedded(
            service, f"{name}/embed", content=data, headers={"Content-Type": "image/png"}
        )
        for data in PICTURES
    ]
    assert np.allclose(np.concatenate(raw), expected, atol=1e-5)
    body, media_type = media.multipart(*(("file", data, "image/png") for data in PICTURES))
    for address in (f"{name}/embed", f"{name}/versions/1/embed"):
        many = await embedded(service, address, content=body, headers={"Content-Type": media_type})
        assert np.allclose(many, expected, atol=1e-5)
    instances = {"instances": [media.b64(data) for data in PICTURES]}
    assert np.allclose(
        await embedded(service, f"{name}/embed", json=instances), expected, atol=1e-5
    )


async def test_embed_with_a_model_without_features_is_refused(service) -> None:
    send = {"content": PICTURES[0], "headers": {"Content-Type": "image/png"}}
    refused = await service.post("/v1/models/colours/embed", **send)
    assert refused.status_code == 404
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["detail"] == (
        "colours does not embed; what it can be asked is to classify"
    )


async def test_embed_error_has_the_index_of_the_invalid_item(service) -> None:
    body, media_type = media.multipart(
        ("file", PICTURES[0], "image/png"), ("file", b"no picture", "image/png")
    )
    response = await service.post(
        "/v1/models/a-colour/embed", content=body, headers={"Content-Type": media_type}
    )
    assert (response.status_code, response.json()["index"]) == (422, 1)
    response = await service.post(
        "/v1/models/a-colour/embed", content=b"x", headers={"Content-Type": "audio/wav"}
    )
    assert response.status_code == 415

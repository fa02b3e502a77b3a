import base64
import io

import numpy as np
import pytest
from PIL import Image

from app.api.accept import preferred
from app.bundle import publish
from app.modalities import Payload
from app.pipeline import Pipeline
from app.tasks.reconstruct import ReconstructOptions
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
SCENE, RED = media.saved(media.scene()), media.picture()
PATH = "/v1/models/plain-colours/reconstruct"
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
async def service(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory):
    models = tmp_path_factory.mktemp("models")
    for bundle in (fakes.autoencoder_bundle(), fakes.image_bundle()):
        publish(bundle, models)
    async with open_service(models) as client:
        yield client


def expected(*pictures: bytes) -> list:
    payloads = [Payload(data, "image/png") for data in pictures]
    return Pipeline(fakes.autoencoder_bundle()).predict(payloads, ReconstructOptions())


def pixels(file: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("path", [PATH, "/v1/models/plain-colours/versions/1/reconstruct"])
async def test_reconstruct_answers_items_in_order(service, path: str) -> None:
    body, media_type = media.multipart(("file", SCENE, "image/png"), ("file", RED, "image/png"))
    response = await service.post(path, content=body, headers={"Content-Type": media_type})
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["model"], answer["version"]) == ("plain-colours", 1)
    for item, wanted in zip(answer["reconstructions"], expected(SCENE, RED), strict=True):
        assert item["reconstruction_error"] == pytest.approx(wanted.error, abs=1e-5)
        assert item["novelty"] == pytest.approx(wanted.novelty, abs=1e-5)
        assert item["reconstruction"]["media_type"] == "image/png"
        seen = pixels(base64.b64decode(item["reconstruction"]["b64"]))
        assert np.array_equal(seen, wanted.picture)


async def test_reconstruct_sends_a_png_if_accepted(service) -> None:
    response = await service.post(PATH, content=SCENE, headers=PNG | {"Accept": "image/png"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert np.array_equal(pixels(response.content), expected(SCENE)[0].picture)


async def test_reconstruct_as_png_refuses_several_items(service) -> None:
    body, media_type = media.multipart(("file", SCENE, "image/png"), ("file", RED, "image/png"))
    headers = {"Content-Type": media_type, "Accept": "image/png"}
    response = await service.post(PATH, content=body, headers=headers)
    assert response.status_code == 422
    assert "one item" in response.json()["detail"]


async def test_reconstruct_with_a_classifier_is_refused(service) -> None:
    response = await service.post("/v1/models/colours/reconstruct", content=RED, headers=PNG)
    assert response.status_code == 404
    assert "does not reconstruct; what it can be asked is to classify" in response.text


async def test_reconstruct_has_an_example_in_openapi(service) -> None:
    paths = (await service.get("/openapi.json")).json()["paths"]
    for path in (PATH, "/v1/models/plain-colours/versions/1/reconstruct"):
        route = path.replace("plain-colours", "{model}").replace("/1/", "/{version}/")
        content = paths[route]["post"]["responses"]["200"]["content"]
        (example,) = content["application/json"]["examples"].values()
        assert example["value"]["reconstructions"][0]["novelty"] == pytest.approx(0, abs=1e-6)
        assert content["image/png"]["schema"]["format"] == "binary"
    embed = paths["/v1/models/{model}/embed"]["post"]["responses"]["200"]["content"]
    (example,) = embed["application/json"]["examples"].values()
    assert len(example["value"]["embeddings"][0]) == 3


@pytest.mark.parametrize(
    ("accept", "png"),
    [
        ("", False),
        ("*/*", False),
        ("image/*", False),
        ("image/png", True),
        ("IMAGE/PNG ; q=0.5, text/html", True),
        ("application/json, image/png", False),
        ("image/png, application/json", True),
        ("application/json;q=0.5, image/png", True),
        ("image/png;q=0", False),
        ("image/png;q=nonsense", False),
        ("image/png;q=0.1, application/json;q=0.2", False),
        (";;;,,,q=1", False),
    ],
)
async def test_accept_header_selects_the_media_type(accept: str, png: bool) -> None:
    chosen = preferred(accept, ("application/json", "image/png"))
    assert (chosen == "image/png") is png

"""Explanations over HTTP of pictures, sounds and texts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
ASKED = {"explain": "true"}
TEXT = "the DAY\n\nis fine"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundles = (fakes.image_bundle(), fakes.text_bundle(), fakes.audio_bundle())
    return fakes.publish_all(tmp_path_factory.mktemp("models"), *map(fakes.explained, bundles))


def spot() -> bytes:
    """A dim picture with one bright red cell, in row 2, column 5 of 8."""
    pixels = np.full((8, 8, 3), 10, dtype=np.uint8)
    pixels[2, 5, 0] = 250
    return media.saved(Image.fromarray(pixels))


async def ask(folder: Path, model: str, content: bytes, kind: str, **params: str) -> dict:
    async with open_service(folder) as service:
        answer = await service.post(
            f"/v1/models/{model}/classify",
            params=params,
            content=content,
            headers={"Content-Type": kind},
        )
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0]


async def test_image_explanation_peaks_at_the_salient_part(folder: Path) -> None:
    answer = await ask(folder, "colours", spot(), "image/png", **ASKED)
    weights = np.asarray(answer["explanation"]["weights"])
    assert weights.shape == (8, 8) and weights[2, 5] == 1
    assert set(answer["explanation"]) == {"weights", "box"}
    assert answer["explanation"]["box"] == [0, 0, 1, 1]
    assert np.delete(weights, 2 * 8 + 5).max() == pytest.approx(10 / 250, abs=1e-4)


async def test_audio_explanation_has_seconds_and_hertz(folder: Path) -> None:
    signal = np.concatenate([np.zeros(1000), media.tone(100, 0.1)])  # heard: 1,100 before it
    answer = (await ask(folder, "sounds", media.sound(signal), "audio/wav", **ASKED))["explanation"]
    weights, seconds = np.asarray(answer["weights"]), answer["seconds"]
    assert weights.shape == (1, 10) and answer["hertz"] == [60, 3900]
    assert len(seconds) == 11 and seconds[0] == -0.1375 and seconds[-1] == pytest.approx(0.3625)
    loudest = int(weights[0].argmax())
    assert 0.1 <= seconds[loudest] < seconds[loudest + 1] <= 0.25
    assert weights.max() == 1 and weights.min() == 0


async def test_text_explanation_locates_tokens_in_the_sent_text(folder: Path) -> None:
    answer = (await ask(folder, "moods", TEXT.encode(), "text/plain", **ASKED))["explanation"]
    found = [(token["text"], token["start"], token["end"]) for token in answer]
    assert found == [
        ("the", 0, 3),
        ("allcaps", None, None),
        ("day", 4, 7),
        ("newpar", None, None),
        ("is", 9, 11),
        ("fine", 12, 16),
    ]
    assert [token["weight"] for token in answer] == [0, 0, 0, 0, 0, 1]


async def test_text_explanation_covers_the_tokens_that_were_read(folder: Path) -> None:
    text = " ".join(["the"] * 14 + ["awful"] * 9 + ["day", "is", "bad"])
    answer = (await ask(folder, "moods", text.encode(), "text/plain", **ASKED))["explanation"]
    assert [token["text"] for token in answer] == ["the"] * 12 + ["awful", "day", "is", "bad"]
    assert text[answer[-1]["start"] : answer[-1]["end"]] == "bad"
    assert [token["weight"] for token in answer] == [0] * 12 + [1, 0, 0, 1]


async def test_answer_without_explanation_is_otherwise_equal(folder: Path) -> None:
    plain = await ask(folder, "moods", TEXT.encode(), "text/plain")
    answer = await ask(folder, "moods", TEXT.encode(), "text/plain", **ASKED)
    assert "explanation" not in plain
    assert {**plain, "explanation": answer["explanation"]} == answer


async def test_explanation_does_not_depend_on_the_batch(folder: Path) -> None:
    texts = ["fine", "the day is awful and sorry", "good good"]
    async with open_service(folder) as service:
        path = "/v1/models/moods/classify"
        answer = await service.post(path, params=ASKED, json={"instances": texts})
        alone = [
            await service.post(path, params=ASKED, json={"instances": [text]}) for text in texts
        ]
    together = [each["explanation"] for each in answer.json()["predictions"]]
    assert together == [each.json()["predictions"][0]["explanation"] for each in alone]


async def test_openapi_has_every_kind_of_explanation(folder: Path) -> None:
    async with open_service(folder) as service:
        schemas = (await service.get("/openapi.json")).json()["components"]["schemas"]
    kinds = schemas["ClassifiedItem"]["properties"]["explanation"]["anyOf"]
    named = [kind.get("$ref") or kind.get("items", {}).get("$ref") for kind in kinds]
    shown = {str(name).rsplit("/", 1)[-1] for name in named if name}
    assert shown == {"Phrase", "TokenWeight", "SaliencyMap"}
    assert {"start", "weight"} < set(schemas["TokenWeight"]["properties"])

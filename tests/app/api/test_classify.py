import base64

import httpx
import pytest

from app.modalities import Payload
from app.pipeline import Pipeline
from app.tasks.classify import ClassifyOptions
from tests import fakes, media

pytestmark = pytest.mark.anyio
RED, BLUE = media.picture(), media.picture(colour=(10, 20, 220))
LOW, HIGH = media.sound(media.tone(100)), media.sound(media.tone(3000))
GLAD, SAD = b"the day is good", b"sorry the awful day is bad"
ITEMS = {
    "colours": ("image/png", RED, BLUE, fakes.image_bundle),
    "sounds": ("audio/wav", LOW, HIGH, fakes.audio_bundle),
    "moods": ("text/plain", GLAD, SAD, fakes.text_bundle),
}


async def ask(
    service: httpx.AsyncClient, model: str, body: bytes, media_type: str, **query
) -> list[dict]:
    response = await service.post(
        f"/v1/models/{model}/classify",
        content=body,
        headers={"Content-Type": media_type},
        params=query,
    )
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["model"], answer["version"]) == (model, 1)
    return answer["predictions"]


def b64(data: bytes) -> dict[str, str]:
    return {"b64": base64.b64encode(data).decode()}


def same(one: list[dict], other: list[dict]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert [c["label"] for c in a["top"]] == [c["label"] for c in b["top"]]
        probabilities = [c["probability"] for c in b["top"]]
        assert [c["probability"] for c in a["top"]] == pytest.approx(probabilities, abs=1e-5)


@pytest.mark.parametrize("model", ITEMS)
async def test_classify_answers_every_form_of_a_body_alike(service, model: str) -> None:
    media_type, one, other, make = ITEMS[model]
    raw = [(await ask(service, model, item, media_type))[0] for item in (one, other)]

    async def json(**document) -> list[dict]:
        body = httpx.Request("POST", "http://x", json=document).read()
        return await ask(service, model, body, "application/json")

    async def parts(*parts) -> list[dict]:
        return await ask(service, model, *media.multipart(*parts))

    expected = Pipeline(make()).predict(
        [Payload(item, media_type) for item in (one, other)], ClassifyOptions()
    )
    assert [answer["label"] for answer in raw] == [answer.label for answer in expected]
    assert raw[0]["label"] != raw[1]["label"]
    same(raw, await parts(("file", one, media_type), ("file", other, media_type)))
    same(raw, await parts(("file", one, None), ("file", other, None)))
    same(raw, await json(instances=[b64(one), b64(other)]))
    same(raw, await json(instances=[b64(one) | {"media_type": media_type}, b64(other)]))
    same(raw[:1], await ask(service, model, one, "application/octet-stream"))
    same(raw[:1], await ask(service, model, one, f'{media_type.upper()} ; charset="utf-8"'))
    if model == "moods":
        same(raw, await json(instances=[one.decode(), other.decode()]))
        same(raw, await json(instances=[one.decode(), b64(other)]))
        same(raw, await parts(("text", one, None), ("file", other, "text/html")))
        same(raw, await parts(("text", one, None), ("text", other, "text/plain; charset=latin-1")))


@pytest.mark.parametrize("model", ITEMS)
async def test_classify_without_a_model_chooses_by_media_type(service, model: str) -> None:
    media_type, item, *_ = ITEMS[model]
    response = await service.post(
        "/v1/classify", content=item, headers={"Content-Type": media_type}
    )
    assert response.status_code == 200
    assert response.json()["model"] == model
    assert response.json()["predictions"] == await ask(service, model, item, media_type)


async def test_classify_with_a_version_uses_that_version(service) -> None:
    path = "/v1/models/moods/versions/{}/classify"
    headers = {"Content-Type": "text/plain"}
    right = await service.post(path.format(1), content=GLAD, headers=headers)
    assert right.json()["predictions"] == await ask(service, "moods", GLAD, "text/plain")
    wrong = await service.post(path.format(2), content=GLAD, headers=headers)
    assert wrong.status_code == 404
    assert wrong.json()["detail"] == "there is no such version of this model; published are: 1"
    for odd in ("0", "-1", "9" * 4000, "1e0", "\u0661", "x", "1.5", "%00", "nan"):
        response = await service.post(path.format(odd), content=GLAD, headers=headers)
        assert response.status_code in (404, 422), odd


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (2, 2), (3, 3), (1000, 3)])
async def test_classify_returns_top_k_labels(service, top_k: int, count: int) -> None:
    (answer,) = await ask(service, "colours", RED, "image/png", top_k=top_k)
    assert len(answer["top"]) == count
    assert answer["top"][0] == {"label": answer["label"], "probability": answer["probability"]}


@pytest.mark.parametrize("top_k", ["0", "-1", "1001", "NaN", "1e9", "9" * 5000, "", "x", "[]"])
async def test_classify_refuses_top_k_out_of_bounds(service, top_k: str) -> None:
    response = await service.post(
        "/v1/models/colours/classify",
        content=RED,
        headers={"Content-Type": "image/png"},
        params={"top_k": top_k},
    )
    assert response.status_code == 422
    assert response.json()["detail"].startswith("query.top_k: ")


async def test_truncation_is_reported(service) -> None:
    (answer,) = await ask(service, "moods", b"good " * 50, "text/plain")
    assert answer["truncated"] == ("the text has 50 tokens; the first 12 and the last 4 were read")
    (answer,) = await ask(service, "moods", b"good", "text/plain")
    assert "truncated" not in answer


async def test_invalid_item_error_has_its_index(service) -> None:
    body, kind = media.multipart(("file", RED, None), ("file", b"junk", None), ("file", RED, None))
    response = await service.post(
        "/v1/models/colours/classify", content=body, headers={"Content-Type": kind}
    )
    assert response.status_code == 422
    assert response.json()["index"] == 1
    assert response.json()["detail"].startswith("item 1: expected a JPEG")


@pytest.mark.parametrize(
    ("model", "media_type"),
    [
        ("colours", "text/plain"),
        ("colours", "audio/wav"),
        ("moods", "image/png"),
        ("sounds", "video/mpeg"),
        ("moods", "application/x-www-form-urlencoded"),
        ("moods", "text"),
        ("moods", ";;;"),
        ("moods", "text/plain;" + "a" * 2000),
        ("moods", "multipart/mixed; boundary=x"),
    ],
)
async def test_unsupported_media_type_is_415(service, model: str, media_type: str) -> None:
    response = await service.post(
        f"/v1/models/{model}/classify", content=b"good", headers={"Content-Type": media_type}
    )
    assert response.status_code == 415


async def test_unsupported_media_type_error_has_the_index(service) -> None:
    body, kind = media.multipart(("file", RED, "image/png"), ("text", b"good", None))
    response = await service.post(
        "/v1/models/colours/classify", content=body, headers={"Content-Type": kind}
    )
    assert response.status_code == 415
    assert response.json()["detail"].startswith("item 1: ")


async def test_server_timing_has_every_stage(service) -> None:
    response = await service.post(
        "/v1/models/moods/classify", content=GLAD, headers={"Content-Type": "text/plain"}
    )
    stages = [stage.split(";dur=") for stage in response.headers["server-timing"].split(", ")]
    assert [name for name, _ in stages] == ["queue", "encode", "infer"]
    assert all(float(spent) >= 0 for _, spent in stages)


async def test_nan_is_never_sent(service) -> None:
    response = await service.post(
        "/v1/models/sounds/classify",
        content=media.sound(media.tone(3) * 0, subtype="FLOAT"),
        headers={"Content-Type": "audio/wav"},
    )
    assert response.status_code == 200
    assert b"NaN" not in response.content
    assert b"null" not in response.content


@pytest.mark.parametrize(("model", "item"), [("moods", GLAD), ("colours", RED)])
async def test_without_a_content_type_the_model_says_what_it_is(service, model, item) -> None:
    path = f"/v1/models/{model}/classify"
    bare = await service.post(path, content=item, headers={})
    sniffed = await service.post(
        path, content=item, headers={"Content-Type": "application/octet-stream"}
    )
    assert bare.status_code == 200
    assert bare.content == sniffed.content
    assert (await service.post("/v1/classify", content=item)).status_code == 415

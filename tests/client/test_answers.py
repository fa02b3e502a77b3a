"""The client's types are those of the OpenAPI document, and read the service's real answers."""

import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests import fakes, media
from tests.conftest import open_service
from thalamus_client import AsyncClient, answers, errors

pytestmark = pytest.mark.anyio
SHOWN = ("title", "description", "additionalProperties", "default")
# Operations that the client does not have.
LATER = ("/serving", "/embeddings", ":predict", "/card", "/samples")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("client")
    return fakes.publish_all(
        root,
        fakes.image_bundle(),
        fakes.calibrated_bundle(),
        fakes.explained(fakes.image_bundle("explained-colours")),
        fakes.explained(fakes.text_bundle("explained-moods")),
        fakes.embedding_bundle(),
        fakes.autoencoder_bundle(),
        fakes.text_bundle(),
        fakes.tree_bundle(),
        fakes.words_bundle(),
    )


@pytest.fixture(scope="module")
async def served(anyio_backend: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(folder) as service:
        yield service


def connected(service: httpx.AsyncClient) -> AsyncClient:
    """Return the client, whose requests the application answers in this process."""
    transport = httpx.ASGITransport(service.app)  # type: ignore[attr-defined]
    return AsyncClient("http://test", transport=transport)


def bare(schema: Any) -> Any:
    """Return a schema without what is for people, with references by name alone."""
    if isinstance(schema, list):
        return [bare(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: bare(value) for name, value in schema.items() if name not in SHOWN}
    if "$ref" in found:
        found["$ref"] = found["$ref"].rpartition("/")[2]
    return found


def members(schema: Any) -> dict[str, Any]:
    """Return the bare schemas of an object's members, by name."""
    return {name: bare(value) for name, value in schema.get("properties", {}).items()}


def referenced(schema: Any, schemas: dict[str, Any], found: set[str]) -> set[str]:
    """Add the names of all schemas that one refers to, directly or not."""
    if isinstance(schema, list):
        for each in schema:
            referenced(each, schemas, found)
    elif isinstance(schema, dict):
        name = str(schema.get("$ref", "")).rpartition("/")[2]
        if name and name not in found:
            found.add(name)
            referenced(schemas[name], schemas, found)
        for each in schema.values():
            referenced(each, schemas, found)
    return found


async def test_every_schema_of_an_answer_is_a_type_with_its_members(served) -> None:
    document = (await served.get("/openapi.json")).json()
    schemas, found = document["components"]["schemas"], set[str]()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            answer = operation["responses"].get("200", {}).get("content", {})
            if path.startswith(("/v1/", "/readyz")) and not path.endswith(LATER):
                referenced(answer.get("application/json", {}), schemas, found)
    assert {"ClassifyResponse", "CompletionResponse", "Models", "Ready", "Phrase"} <= found
    for name in sorted(found):
        ours = getattr(answers, name).model_json_schema()
        assert members(ours).items() == members(schemas[name]).items(), name
        assert set(ours.get("required", ())) == set(schemas[name].get("required", ())), name
    events = ("ChosenWord", "CompletionSummary")
    known = {name: schemas[name] for name in events if name in schemas}
    for name, schema in known.items():
        assert members(getattr(answers, name).model_json_schema()) == members(schema)


def unknown(answer: answers.Answer) -> set[str]:
    """Return the members, at any depth, that the types do not have."""
    found = set(answer.model_extra or ())
    for value in answer.__dict__.values():
        for each in value if isinstance(value, list) else [value]:
            found |= unknown(each) if isinstance(each, answers.Answer) else set()
    return found


async def test_the_real_answers_are_read_with_all_their_members(served) -> None:
    picture, text = media.saved(media.scene()), "the day is good"
    async with connected(served) as client:
        for model in ("colours", "calibrated", "explained-colours"):
            read = await client.classify(model, [picture, picture], explain=True)
            assert (read.model, read.version, len(read.predictions)) == (model, 1, 2)
            assert not unknown(read)
        assert isinstance(read.predictions[0].explanation, answers.SaliencyMap)
        for model, kind in (("explained-moods", answers.TokenWeight), ("parsed", answers.Phrase)):
            read = await client.classify(model, text, explain=True)
            assert isinstance(read.predictions[0].explanation, list)
            assert isinstance(read.predictions[0].explanation[0], kind)
            assert not unknown(read)
        assert len((await client.embed("embedded-colours", picture)).embeddings[0]) == 3
        rebuilt = await client.reconstruct("plain-colours", picture, version=1)
        assert Image.open(io.BytesIO(rebuilt.reconstructions[0].reconstruction.data)).size == (8, 8)
        for listed in (await client.models()).models:
            one = await client.model(listed.name)
            assert one.versions[0].facts and not unknown(one) and not unknown(listed)
        assert (await client.health()).status == "ready"


async def test_every_kind_of_item_has_the_same_answer(served, tmp_path: Path) -> None:
    image = media.scene()
    file = tmp_path / "scene"
    file.write_bytes(media.saved(image))
    async with connected(served) as client:
        items = [file, file.read_bytes(), image, np.asarray(image)]
        together = (await client.classify("colours", items)).predictions
        alone = [(await client.classify("colours", item)).predictions[0] for item in items]
    assert together == together[:1] * 4
    assert alone == alone[:1] * 4
    assert together[0].label == alone[0].label


async def test_a_completion_streams_what_it_answers(served) -> None:
    options = {"max_words": 6, "alternatives": 2}
    async with connected(served) as client:
        whole = await client.complete("prose", "The day", **options)
        async with await client.stream("prose", "The day", **options) as words:
            streamed = [word async for word in words]
    assert streamed == whole.words and words.summary is not None
    assert words.summary.text == whole.text
    assert words.summary.finish_reason == whole.finish_reason


async def test_problems_of_the_service_are_errors(served) -> None:
    async with connected(served) as client:
        with pytest.raises(errors.InvalidItem) as raised:
            await client.classify("colours", [media.picture(), b"no picture"])
        assert raised.value.index == 1 and raised.value.request_id
        with pytest.raises(errors.UnknownModel):
            await client.classify("nobody", "text")
        with pytest.raises(errors.UnknownModel, match="does not embed"):
            await client.embed("moods", "text")
        with pytest.raises(errors.WrongMediaType):
            await client.classify("colours", "text")
        with pytest.raises(errors.InvalidItem, match="top_k"):
            await client.classify("moods", "text", top_k=0)
        with pytest.raises(errors.TooLarge):
            await client.classify("moods", ["text"] * 65)
        with pytest.raises(errors.InvalidItem, match="unknown member"):
            await client.complete("prose", "text", words=3)


def test_members_of_a_newer_service_are_kept() -> None:
    newer = {"label": "a", "probability": 1, "top": [], "mood": "good"}
    assert answers.ClassifiedItem.model_validate(newer).model_extra == {"mood": "good"}

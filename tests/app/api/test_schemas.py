"""The real answers of every endpoint match its schema and have no further members."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from app.api import schemas
from app.bundle import publish
from app.registry import SHIPPED
from app.tasks import TASKS
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
ITEMS = {
    "colours": (media.picture(), "image/png"),
    "calibrated": (media.saved(media.scene()), "image/png"),
    "explained-colours": (media.picture(), "image/png"),
    "embedded-colours": (media.picture(), "image/png"),
    "plain-colours": (media.picture(), "image/png"),
    "sounds": (media.sound(media.tone(100)), "audio/wav"),
    "explained-sounds": (media.sound(media.tone(100)), "audio/wav"),
    "moods": (b"the day is good " * 9, "text/plain"),
    "explained-moods": (b"the day is good", "text/plain"),
    "parsed": (b"the day is good", "text/plain"),
}
COMPLETION = {"text": "The day " * 30, "temperature": 1, "alternatives": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("schemas")
    for bundle in (
        fakes.image_bundle(),
        fakes.calibrated_bundle(),
        fakes.explained(fakes.image_bundle("explained-colours")),
        fakes.embedding_bundle(),
        fakes.autoencoder_bundle(),
        fakes.audio_bundle(),
        fakes.explained(fakes.audio_bundle("explained-sounds")),
        fakes.text_bundle(),
        fakes.explained(fakes.text_bundle("explained-moods")),
        fakes.tree_bundle(),
        fakes.words_bundle(),
    ):
        publish(bundle, root)
    (root / "broken" / "1").mkdir(parents=True)
    (root / "broken" / "1" / "manifest.json").write_text("{}")
    return root


@pytest.mark.slow
async def test_every_answer_matches_its_schema(folder: Path) -> None:
    """The schemas refuse further members, so the answers have the declared members only."""
    seen: dict[str, set[str]] = {}
    async with open_service(folder) as service:
        for name, (body, media_type) in ITEMS.items():
            for task in TASKS.values():
                query = "?explain=true" if task.name == "classify" else ""
                answer = await service.post(
                    f"/v1/models/{name}/{task.name}{query}",
                    content=body,
                    headers={"Content-Type": media_type},
                )
                if answer.status_code == 404:
                    schemas.Problem.model_validate(answer.json())
                    continue
                assert answer.status_code == 200, answer.text
                whole = task.response(SHIPPED).model_validate(answer.json())
                for item in getattr(whole, task.plural):
                    members = item.model_fields_set if isinstance(item, BaseModel) else {"row"}
                    seen.setdefault(task.name, set()).update(members)
        completed = await service.post("/v1/models/prose/complete", json=COMPLETION)
    assert completed.status_code == 200
    whole = TASKS["complete"].response(SHIPPED).model_validate(completed.json())
    seen["complete"] = whole.model_fields_set
    assert seen.keys() == TASKS.keys()
    optional = {"prediction_set", "novelty", "abstained", "truncated", "explanation"}
    assert optional < seen["classify"], "every optional member was seen once"
    assert {"seed", "truncated"} < seen["complete"]


async def test_stream_events_match_their_schemas(folder: Path) -> None:
    steps = TASKS["complete"].steps
    async with open_service(folder) as service:
        answer = await service.post(
            "/v1/models/prose/complete", json=COMPLETION, headers={"Accept": "text/event-stream"}
        )
    events = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    named = [(name.removeprefix("event: "), data.removeprefix("data: ")) for name, data in events]
    for name, data in named[:-1]:
        assert name == steps.event
        assert steps.step_type.model_validate_json(data).alternatives
    assert named[-1][0] == "done"
    assert steps.summary_type.model_validate_json(named[-1][1]).truncated


async def test_catalog_and_errors_match_their_schemas(folder: Path) -> None:
    async with open_service(folder) as service:
        listed = schemas.Models.model_validate((await service.get("/v1/models")).json())
        for model in listed.models:
            one = (await service.get(f"/v1/models/{model.name}")).json()
            described = schemas.DescribedModel.model_validate(one)
            assert described.ready == (described.serving.version is not None)
        schemas.Live.model_validate((await service.get("/livez")).json())
        schemas.Ready.model_validate((await service.get("/readyz")).json())
        for path in ("/v1/models/nobody", "/nowhere"):
            schemas.Problem.model_validate((await service.get(path)).json())
        bad = await service.post(
            "/v1/models/moods/classify", json={"instances": ["good", {"b64": "!"}]}
        )
        assert schemas.Problem.model_validate(bad.json()).index == 1
    failed = next(model for model in listed.models if model.name == "broken")
    assert failed.versions[0].state == "failed" and failed.versions[0].reason


async def test_openapi_refers_to_the_checked_schemas(folder: Path) -> None:
    """The components in OpenAPI are the classes that the tests above validate with."""
    async with open_service(folder) as service:
        document = (await service.get("/openapi.json")).json()
    for task in TASKS.values():
        operation = document["paths"][f"/v1/models/{{model}}/{task.name}"]["post"]
        content = operation["responses"]["200"]["content"]["application/json"]
        assert content["schema"]["$ref"].endswith(f"/{task.response(SHIPPED).__name__}")

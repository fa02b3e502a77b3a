"""A task in one file, which the service does not ship with.

`podium` gives the places of the largest outputs of any classifier. It is published, served,
described and replayed, without a change in `app`.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import Field

from app.bundle import GoldenCase, Manifest, Registry, publish, read_bundle
from app.cli import main
from app.errors import InvalidBundle
from app.modalities import MODALITIES, Payload
from app.pipeline import Golden, Pipeline, answer_golden, replay
from app.registry import SHIPPED
from app.tasks import TASKS, Options, Task
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio


class PodiumOptions(Options):
    task: ClassVar[str] = "podium"
    steps: int = Field(default=3, ge=1, le=3, description="How many places")


class GoldenPodium(GoldenCase):
    places: tuple[int, ...]


def decoder(manifest: Manifest, _modality: Any):
    def decode(_encoded: Any, outputs: Any, options: PodiumOptions) -> tuple[int, ...]:
        scores = outputs[manifest.outputs[0].name]
        return tuple(np.argsort(-scores, kind="stable")[: options.steps].tolist())

    return decode


def check(manifest: Manifest) -> None:
    if manifest.labels:
        raise ValueError("a podium has no labels")


PODIUM = Task(
    name="podium",
    about="Name the places of the largest outputs for each item",
    plural="podiums",
    options=PodiumOptions,
    decoder=decoder,
    item=list,
    golden=GoldenPodium,
    golden_options=PodiumOptions(),
    golden_case=lambda answer, about: GoldenPodium(**about, places=answer),
    top_answer=lambda answer: (str(answer[0]), 1.0),
    difference=lambda case, answer, _: None if case.places == answer else f"{answer}",
    check=check,
    answer_type=lambda _registry: list[int],
    example=lambda _manifest, case: list(getattr(case, "places", ())) or None,
)
REGISTRY = Registry({**TASKS, "podium": PODIUM}, MODALITIES)
PATH = "/v1/models/places/podium"
RED = media.picture(encode=("PNG",), colour=(250, 100, 20))
PNG = {"Content-Type": "image/png"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("podium")
    like = fakes.image_bundle()
    changes = {"name": "places", "task": "podium", "labels": (), "files": {}}
    manifest = like.manifest.model_copy(update=changes)
    golden = [Golden("red.png", Payload(RED, "image/png"), "0")]
    publish(answer_golden(manifest, {"model.onnx": like.model}, golden, REGISTRY), root)
    return root


def test_toy_bundle_needs_the_toy_task(folder: Path) -> None:
    bundle = read_bundle(folder / "places" / "1", REGISTRY)
    assert replay(bundle, Pipeline(bundle)) == []
    with pytest.raises(InvalidBundle, match="expected the task classify or"):
        read_bundle(folder / "places" / "1", SHIPPED)


def test_toy_task_replay_finds_a_difference(folder: Path) -> None:
    bundle = read_bundle(folder / "places" / "1", REGISTRY)
    wrong = bundle.golden[0].model_copy(update={"places": (2, 1, 0)})
    altered = type(bundle)(bundle.manifest, bundle.files, (wrong,), bundle.registry)
    assert [each.file for each in replay(altered, Pipeline(altered))] == ["red.png"] * 2


async def test_toy_task_is_served_with_options(folder: Path) -> None:
    async with open_service(folder, tasks=REGISTRY.tasks) as service:
        answer = await service.post(PATH, content=RED, headers=PNG)
        two = await service.post(f"{PATH}?steps=2", content=RED, headers=PNG)
        version = await service.post(
            "/v1/models/places/versions/1/podium", content=RED, headers=PNG
        )
        many = await service.post(f"{PATH}?steps=4", content=RED, headers=PNG)
        unknown = await service.post(f"{PATH}?step=2", content=RED, headers=PNG)
        other = await service.post("/v1/models/places/classify", content=RED, headers=PNG)
    assert answer.json() == {"model": "places", "version": 1, "podiums": [[0, 1, 2]]}
    assert version.json() == answer.json()
    assert two.json()["podiums"] == [[0, 1]]
    assert (many.status_code, unknown.status_code, other.status_code) == (422, 422, 404)
    assert "did you mean steps?" in unknown.json()["detail"]
    assert "to podium" in other.json()["detail"]


async def test_toy_task_has_an_example_in_openapi(folder: Path) -> None:
    async with open_service(folder, tasks=REGISTRY.tasks) as service:
        document = (await service.get("/openapi.json")).json()
    operation = document["paths"]["/v1/models/{model}/podium"]["post"]
    assert [p["name"] for p in operation["parameters"]] == ["model", "steps"]
    assert operation["description"].startswith("Name the places of the largest outputs")
    answer = operation["responses"]["200"]["content"]["application/json"]
    assert answer["examples"]["places"]["value"]["podiums"] == [[0, 1, 2]]
    assert answer["schema"]["$ref"].endswith("/PodiumResponse")


def test_toy_task_works_in_predict(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "red.png").write_bytes(RED)
    arguments = ["predict", str(folder / "places"), str(tmp_path / "red.png")]
    assert main([*arguments, "--option", "steps=1"], lambda: REGISTRY) == 0
    assert json.loads(capsys.readouterr().out)["podium"] == [0]
    assert main([*arguments, "--option", "step=1"], lambda: REGISTRY) == 2
    assert "did you mean steps?" in capsys.readouterr().err
    assert main(["verify", str(folder)], lambda: REGISTRY) == 0
    assert main(arguments) == 2, "the shipped tasks do not have it"

"""A modality in one file, which the service does not ship with: a series of numbers.

It is published, served in every form of a body, described, replayed and explained, without a change
in `app`.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from onnx import TensorProto, helper
from pydantic import Field

from app.bundle import EncoderSpec, Registry, publish, read_bundle
from app.bundle.tensors import TensorSpec
from app.cli import main
from app.errors import InvalidBundle, InvalidInput
from app.modalities import MODALITIES, Encoded, Modality, Payload
from app.pipeline import Golden, Pipeline, answer_golden, replay
from app.registry import SHIPPED
from app.tasks import TASKS
from app.wire import Wire
from tests import fakes, media
from tests.conftest import open_service
from tests.graphs import make_graph, tensor

pytestmark = pytest.mark.anyio
SERIES_TYPE = "application/x-series"


class SeriesSpec(EncoderSpec):
    """A series of numbers, padded or truncated at its end to `points`."""

    modality: ClassVar[str] = "series"

    kind: Literal["series"] = "series"
    points: int = Field(ge=2)

    def tensors(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec(name="series", dtype="float32", shape=("batch", self.points)),)


class SeriesEncoder:
    media_types = SERIES_TYPE

    def __init__(self, spec: SeriesSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec

    @staticmethod
    def accepts(media_type: str) -> bool:
        return media_type == SERIES_TYPE

    def cost(self, payload: Payload) -> float:
        return 1e-5

    def decode_bytes(self, payload: Payload) -> int:
        return 100

    def encode(self, payload: Payload) -> Encoded[int]:
        try:
            numbers = [float(number) for number in json.loads(payload.data)]
        except (ValueError, TypeError):
            raise InvalidInput("expected a JSON list of numbers") from None
        padded = np.zeros(self.spec.points, np.float32)
        kept = numbers[: self.spec.points]
        padded[: len(kept)] = kept
        return Encoded({"series": padded}, context=len(kept))


class Points(Wire):
    """The number of numbers that were read."""

    points: int


def instance(value: Any) -> Payload | None:
    return Payload(json.dumps(value).encode(), SERIES_TYPE) if isinstance(value, list) else None


SERIES = Modality(
    name="series",
    spec=SeriesSpec,
    encoder=SeriesEncoder,
    accepts=SeriesEncoder.accepts,
    bodies={SERIES_TYPE: {"schema": {"type": "array", "items": {"type": "number"}}}},
    instance=instance,
    instance_schema={"type": "array", "items": {"type": "number"}},
    explain=lambda _manifest, encoded, _outputs: Points(points=encoded.context),
    explanation=Points,
)
REGISTRY = Registry(TASKS, {**MODALITIES, "series": SERIES})
PATH = "/v1/models/trend/classify"
UP, DOWN = [1, 2, 3, 9], [9, 3, 2.5, 1]


def graph() -> bytes:
    """Softmax of minus and plus the sum of the series weighted by -3, -1, 1, 3."""
    weights = np.array([[3, -3], [1, -1], [-1, 1], [-3, 3]], np.float32)
    nodes = [
        helper.make_node("MatMul", ["series", "weights"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return make_graph(
        nodes,
        [tensor("series", TensorProto.FLOAT, ["batch", 4])],
        [tensor("probabilities", TensorProto.FLOAT, ["batch", 2])],
        {"weights": weights},
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("series")
    spec = SeriesSpec(points=4)
    changes = {
        "name": "trend",
        "encoder": spec,
        "inputs": spec.tensors(),
        "outputs": (TensorSpec(name="probabilities", dtype="float32", shape=("batch", 2)),),
        "labels": ("falling", "rising"),
        "files": {},
    }
    manifest = fakes.image_bundle().manifest.model_copy(update=changes)
    cases = {"up.json": (UP, "rising"), "down.json": (DOWN, "falling")}
    golden = [
        Golden(file, Payload(json.dumps(numbers).encode(), SERIES_TYPE), label)
        for file, (numbers, label) in cases.items()
    ]
    publish(answer_golden(manifest, {"model.onnx": graph()}, golden, REGISTRY), root)
    publish(fakes.image_bundle(), root)
    return root


def test_toy_bundle_needs_the_toy_modality(folder: Path) -> None:
    bundle = read_bundle(folder / "trend" / "1", REGISTRY)
    assert bundle.manifest.modality == "series"
    assert replay(bundle, Pipeline(bundle)) == []
    with pytest.raises(InvalidBundle, match="expected an encoder of kind image or"):
        read_bundle(folder / "trend" / "1", SHIPPED)


async def test_toy_modality_answers_every_form_of_a_body_alike(folder: Path) -> None:
    async with open_service(folder, modalities=REGISTRY.modalities) as service:
        raw = await service.post(PATH, json=UP, headers={"Content-Type": SERIES_TYPE})
        listed = await service.post(PATH, json={"instances": [UP, DOWN]})
        form, media_type = media.multipart(("file", json.dumps(UP).encode(), SERIES_TYPE))
        parts = await service.post(PATH, content=form, headers={"Content-Type": media_type})
        unnamed = await service.post("/v1/classify", json={"instances": [UP]})
        bad = await service.post(PATH, json={"instances": [UP, ["x"]]})
    assert [p["label"] for p in listed.json()["predictions"]] == ["rising", "falling"]
    first = listed.json()["predictions"][:1]
    assert raw.json()["predictions"] == parts.json()["predictions"] == first
    assert unnamed.json() == raw.json()
    assert bad.status_code == 422 and bad.json()["index"] == 1


async def test_toy_modality_is_in_openapi_and_explains(folder: Path) -> None:
    async with open_service(folder, modalities=REGISTRY.modalities) as service:
        document = (await service.get("/openapi.json")).json()
        answer = await service.post(f"{PATH}?explain=true", json={"instances": [[1, 2]]})
        facts = (await service.get("/v1/models/trend")).json()
    body = document["paths"]["/v1/models/{model}/classify"]["post"]["requestBody"]["content"]
    assert body[SERIES_TYPE]["schema"]["items"] == {"type": "number"}
    assert {"type": "array", "items": {"type": "number"}} in (
        body["application/json"]["schema"]["properties"]["instances"]["items"]["oneOf"]
    )
    assert answer.json()["predictions"][0]["explanation"] == {"points": 2}
    assert "Points" in document["components"]["schemas"]
    assert facts["modality"] == "series"
    assert facts["versions"][0]["facts"]["encoder"] == {"kind": "series", "points": 4}


def test_toy_modality_works_in_predict(folder: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "up.json").write_text(json.dumps(UP))
    arguments = ["predict", str(folder / "trend"), str(tmp_path / "up.json"), "--explain"]
    assert main(arguments, lambda: REGISTRY) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["label"] == "rising" and answer["explanation"] == {"points": 4}
    assert main(["verify", str(folder)], lambda: REGISTRY) == 0

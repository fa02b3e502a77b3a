"""Health, metadata, configuration, statistics and index of the Open Inference Protocol."""

import shutil
from pathlib import Path

import pytest

from app import __version__
from app.bundle.manifest import wrong_name
from tests import fakes
from tests.app.api.dialects.v2_messages import message, payload
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
MODELS = "/v2/models"


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
async def test_the_server_names_the_extensions_that_are_complete(service, path: str) -> None:
    answer = (await service.get(path)).json()
    assert answer["name"] == "thalamus" and answer["version"] == __version__
    assert answer["extensions"] == [
        *("binary_tensor_data", "classification", "model_configuration"),
        *("parameters", "statistics"),
    ]


async def test_health_is_a_status_and_a_flag(service) -> None:
    assert (await service.get("/v2/health/live")).json() == {"live": True}
    assert (await service.get("/v2/health/ready")).json() == {"ready": True}
    assert (await service.head("/v2/health/live")).status_code == 200


async def test_nothing_is_ready_while_nothing_serves(tmp_path: Path) -> None:
    async with open_service(tmp_path, wait=False) as client:
        answer = await client.get("/v2/health/ready")
        assert answer.status_code == 503 and answer.json() == {"ready": False}
        assert (await client.get("/v2/health/live")).status_code == 200


async def test_a_model_is_ready_once_its_golden_cases_have_passed(tmp_path: Path) -> None:
    folder = fakes.publish_all(tmp_path, fakes.image_bundle(), fakes.image_bundle("broken"))
    graph = folder / "broken" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    async with open_service(folder) as client:
        assert (await client.get(f"{MODELS}/colours/ready")).json() == {
            "name": "colours",
            "ready": True,
        }
        assert (await client.get(f"{MODELS}/colours/versions/1/ready")).status_code == 200
        broken = await client.get(f"{MODELS}/broken/ready")
        assert broken.status_code == 503 and "broken" in broken.json()["error"]
        for path in (
            "none",
            "colours/versions/2",
            "colours/versions/x",
            f"colours/versions/{9**99}",
        ):
            answer = await client.get(f"{MODELS}/{path}/ready")
            assert answer.status_code == 404 and answer.json()["error"]


async def test_metadata_has_the_axis_of_items_and_the_configuration_has_not(service) -> None:
    described = (await service.get(f"{MODELS}/moods")).json()
    assert described == {
        "name": "moods",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "payload", "datatype": "BYTES", "shape": [-1]},
            {"name": "tokens", "datatype": "INT64", "shape": [-1, -1]},
            {"name": "length", "datatype": "INT64", "shape": [-1]},
        ],
        "outputs": [
            {"name": "label", "datatype": "BYTES", "shape": [-1]},
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]},
        ],
    }
    assert (await service.get(f"{MODELS}/moods/versions/1")).json() == described
    config = (await service.get(f"{MODELS}/moods/config")).json()
    assert (config["name"], config["platform"], config["backend"]) == (
        "moods",
        "onnxruntime_onnx",
        "onnxruntime",
    )
    assert config["max_batch_size"] == 64 and config["dynamic_batching"] == {}
    for member, tensors in (("input", described["inputs"]), ("output", described["outputs"])):
        dims = {each["name"]: each["dims"] for each in config[member]}
        assert dims == {each["name"]: each["shape"][1:] for each in tensors}
    assert {each["name"]: each["data_type"] for each in config["input"]} == {
        "payload": "TYPE_STRING",
        "tokens": "TYPE_INT64",
        "length": "TYPE_INT64",
    }
    assert all(each["optional"] for each in config["input"])
    assert all("label_filename" in each for each in config["output"])
    assert (await service.get(f"{MODELS}/moods/versions/1/config")).json() == config


@pytest.mark.parametrize("end", ["", "/config", "/stats"])
async def test_unknown_models_and_versions_are_404(service, end: str) -> None:
    for path in ("none", "moods/versions/2", "moods/versions/x", "moods/versions/0x1"):
        answer = await service.get(f"{MODELS}/{path}{end}")
        assert answer.status_code == 404
        assert answer.json()["error"] == answer.json()["detail"]


async def test_statistics_count_items_requests_and_failures(published: Path) -> None:
    async with open_service(published) as client:
        before = (await client.get(f"{MODELS}/moods/stats")).json()["model_stats"][0]
        assert before["inference_count"] == before["last_inference"] == 0
        for sent in (message(payload(b"good", b"bad")), message(payload(b""))):
            await client.post(f"{MODELS}/moods/infer", **sent)
        for path in (f"{MODELS}/moods/stats", f"{MODELS}/moods/versions/1/stats"):
            [after] = (await client.get(path)).json()["model_stats"]
            assert (after["name"], after["version"]) == ("moods", "1")
            assert after["inference_count"] == 2
            assert after["execution_count"] >= 1
            assert after["last_inference"] > 1.7e12
            stats = after["inference_stats"]
            assert stats["success"]["count"] == stats["queue"]["count"] == 1
            assert stats["success"]["ns"] > stats["compute_infer"]["ns"] > 0
            assert stats["fail"] == {"count": 1, "ns": 0}
        every = (await client.get(f"{MODELS}/stats")).json()["model_stats"]
        assert [each["name"] for each in every] == ["colours", "moods", "sounds"]


async def test_no_model_is_called_as_the_address_of_statistics(published, tmp_path: Path) -> None:
    assert wrong_name("stats") and not wrong_name("statistics")
    with pytest.raises(ValueError, match="an address of its own"):
        fakes.image_bundle("stats")
    folder = Path(shutil.copytree(published, tmp_path / "models"))
    shutil.copytree(folder / "colours", folder / "stats")
    async with open_service(folder) as client:
        index = (await client.post("/v2/repository/index")).json()
        assert "stats" not in [each["name"] for each in index]


async def test_the_index_is_a_bare_list(tmp_path: Path) -> None:
    folder = fakes.publish_all(tmp_path, fakes.image_bundle(), fakes.image_bundle("broken"))
    graph = folder / "broken" / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    ready = {"name": "colours", "version": "1", "state": "READY", "reason": ""}
    async with open_service(folder) as client:
        path = "/v2/repository/index"
        broken, colours = (await client.post(path)).json()
        assert colours == ready
        assert broken["state"] == "UNAVAILABLE" and "model.onnx" in broken["reason"]
        assert (await client.post(path, json={"ready": True})).json() == [ready]
        assert len((await client.post(path, json={})).json()) == 2
        for wrong in (b"[]", b"{", b'{"ready": 1}', b"5"):
            answer = await client.post(path, content=wrong)
            assert answer.status_code == 400 and answer.json()["error"]
        assert (await client.post(path, content=bytes(20_000))).status_code == 413


@pytest.mark.parametrize("change", ["load", "unload"])
async def test_models_are_loaded_by_the_folder_only(service, change: str) -> None:
    answer = await service.post(f"/v2/repository/models/moods/{change}", json={})
    assert answer.status_code == 400 and "folder of models" in answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        *("systemsharedmemory/status", "cudasharedmemory/status", "trace/setting", "logging"),
        *("models/moods/generate", "models/moods/trace/setting", "models", "nothing"),
    ],
)
async def test_what_is_not_offered_is_404_in_the_form_of_the_protocol(service, path: str) -> None:
    for answer in (await service.get(f"/v2/{path}"), await service.post(f"/v2/{path}", json={})):
        assert answer.status_code in (404, 405) and answer.json()["error"]


async def test_every_address_is_described(service) -> None:
    paths = (await service.get("/openapi.json")).json()["paths"]
    of_model = ["", "/config", "/infer", "/ready", "/stats"]
    assert {path for path in paths if path.startswith("/v2")} == {
        *("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/stats"),
        *(f"/v2/models/{{model}}{end}" for end in of_model),
        *(f"/v2/models/{{model}}/versions/{{version}}{end}" for end in of_model),
        *("/v2/repository/index", "/v2/repository/models/{model}/load"),
        "/v2/repository/models/{model}/unload",
    }
    infer = paths["/v2/models/{model}/infer"]["post"]
    assert {"application/json", "application/octet-stream"} == set(infer["requestBody"]["content"])
    for path in ("/v2/models/{model}/infer", "/v2/models/{model}/config"):
        [operation] = paths[path].values()
        [schema] = operation["responses"]["404"]["content"].values()
        assert schema["schema"] == {"$ref": "#/components/schemas/ProblemWithError"}

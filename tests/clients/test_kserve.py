"""KServe's documents, its storage's folders and its client, with the real service.

No API server was to be had: the documents are read by KServe's own Python models, which lack some
of their classes (`V1beta1MetricQuantity`); what is below those is not looked at.
"""

import json
import re
import tarfile
from collections.abc import Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import yaml

from app.api.addresses import PROBES
from app.process.policy import GRACE
from app.process.resources import WORKER_MEMORY
from app.settings import Settings
from tests.clients.environment import KSERVE, ROOT, ClientEnvironment
from tests.clients.test_open_inference import DIGITS
from tests.docs.service import serving

pytestmark = pytest.mark.slow
STORAGE = ClientEnvironment("kserve_storage")
FOLDER = ROOT / "deploy" / "kserve"
[RUNTIME] = yaml.safe_load_all((FOLDER / "runtime.yaml").read_text())
SERVICES = list(yaml.safe_load_all((FOLDER / "inferenceservice.yaml").read_text()))
PAGE = (ROOT / "docs" / "how-to" / "kserve.md").read_text()
ON_THE_PAGE = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
]
[CONTAINER] = RUNTIME["spec"]["containers"]
VARIABLES = {each["name"]: each["value"] for each in CONTAINER["env"]}

UNKNOWN = """
import json, re, sys
import kubernetes.client
from kserve import models

TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool}
found = []

def read(value, kind, path):
    \"\"\"Note what the models do not know of a value.\"\"\"
    if several := re.fullmatch(r"list\\[(.+)\\]", kind):
        for number, each in enumerate(value):
            read(each, several[1], f"{path}[{number}]")
    elif several := re.fullmatch(r"dict\\(str, (.+)\\)", kind):
        for key, each in value.items():
            read(each, several[1], f"{path}.{key}")
    elif own := getattr(models, kind, None):
        attributes = {name: attribute for attribute, name in own.attribute_map.items()}
        for key, each in value.items():
            if key in attributes:
                read(each, own.openapi_types[attributes[key]], f"{path}.{key}")
            else:
                found.append(f"{path}.{key}")
    elif theirs := getattr(kubernetes.client, kind, None):
        again = kubernetes.client.ApiClient().sanitize_for_serialization(theirs.from_dict(value))
        if again != value:
            found.append(f"{path}: {value} became {again}")
    elif not isinstance(value, TYPES.get(kind, object)):
        found.append(f"{path}: {value!r} is no {kind}")

for document in json.loads(sys.argv[1]):
    version = document["apiVersion"].split("/")[1]
    read(document, version[0].upper() + version[1:] + document["kind"], document["kind"])
print(json.dumps(found))
"""
DOWNLOAD = """
import sys
from kserve_storage import Storage

for uri, folder in zip(sys.argv[1::2], sys.argv[2::2]):
    Storage.download(uri, folder)
"""
ASK = """
import asyncio, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

async def main():
    port, *files = sys.argv[1:]
    server = f"http://127.0.0.1:{port}"
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    assert await client.is_server_ready(server) and await client.is_model_ready(server, "digits")
    data = np.array([open(file, "rb").read() for file in files], dtype=object)
    given = InferInput("payload", [len(files)], "BYTES")
    given.set_data_from_numpy(data, binary_data=True)
    request = InferRequest(model_name="digits", infer_inputs=[given])
    answer = await client.infer(server, request, model_name="digits")
    labels = next(each for each in answer.outputs if each.name == "label")
    print(json.dumps([str(label) for label in labels.as_numpy().tolist()]))

asyncio.run(main())
"""


def mounted(document: Mapping[str, Any]) -> str:
    """Return where a document has its bundles put, below or at what the runtime looks at."""
    predictor = document["spec"]["predictor"]
    [place] = predictor.get("storageUris") or [{"mountPath": "/mnt/models"}]
    return place["mountPath"]


def expected() -> list[str]:
    cases = json.loads((ROOT / "models/digits/1/golden/cases.json").read_text())
    probabilities = {case["file"]: case["probabilities"] for case in cases}
    return [max(p, key=p.get) for p in (probabilities[file.name] for file in DIGITS)]


def test_kserves_models_know_every_field() -> None:
    documents = [RUNTIME, *SERVICES, *ON_THE_PAGE]
    assert len(documents) == 4
    assert json.loads(KSERVE.run(UNKNOWN, json.dumps(documents))) == []


def test_a_field_that_kserves_models_do_not_know_is_seen() -> None:
    wrong = json.loads(json.dumps(SERVICES[0]))
    wrong["spec"]["predictor"]["model"]["protocol"] = "v2"
    wrong["spec"]["predictor"]["replicas"] = 2
    wrong["spec"]["predictor"]["minReplicas"] = "two"
    where = "InferenceService.spec.predictor"
    assert json.loads(KSERVE.run(UNKNOWN, json.dumps([wrong]))) == [
        f"{where}.minReplicas: 'two' is no int",
        f"{where}.model.protocol",
        f"{where}.replicas",
    ]


def test_the_runtime_agrees_with_the_service() -> None:
    names = {name.removeprefix("THALAMUS_").lower() for name in VARIABLES}
    assert names <= Settings.model_fields.keys()
    [port] = [each["containerPort"] for each in CONTAINER["ports"]]
    assert VARIABLES["THALAMUS_PORT"] == str(port)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = CONTAINER[probe]["httpGet"]
        assert asked["path"] in PROBES and asked["port"] == port
    limit = int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Gi")) << 30
    assert int(VARIABLES["THALAMUS_WORKERS"]) * WORKER_MEMORY <= limit
    assert CONTAINER["securityContext"]["readOnlyRootFilesystem"]
    assert RUNTIME["spec"]["protocolVersions"] == ["v2", "v1"]


@pytest.mark.parametrize("document", [*SERVICES, *ON_THE_PAGE], ids=lambda d: d["metadata"]["name"])
def test_an_inference_service_uses_the_runtime_and_leaves_time_to_stop(document) -> None:
    predictor = document["spec"]["predictor"]
    model = predictor["model"]
    assert model["runtime"] == RUNTIME["metadata"]["name"]
    assert model["protocolVersion"] in RUNTIME["spec"]["protocolVersions"]
    [known] = RUNTIME["spec"]["supportedModelFormats"]
    assert model["modelFormat"].items() <= known.items()
    assert mounted(document).startswith(VARIABLES["THALAMUS_MODELS"])
    if document in SERVICES:
        leaves = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1])
        settings = Settings(models=str(ROOT / "models"))
        stop = leaves + settings.lame_duck + settings.deadline + GRACE
        assert predictor["terminationGracePeriodSeconds"] > stop


@pytest.fixture
def archive(tmp_path: Path):
    """Yield the address of an archive of a folder of bundles, on a server of this machine."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    with tarfile.open(shelf / "bundles.tar.gz", "w:gz") as packed:
        packed.add(ROOT / "models/digits", "digits")
    handler = partial(SimpleHTTPRequestHandler, directory=str(shelf))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/bundles.tar.gz"
        server.shutdown()


@pytest.mark.parametrize("layout", ["a folder of bundles", "one model", "an archive"])
def test_what_kserves_storage_lays_out_is_served(layout: str, archive: str, tmp_path: Path) -> None:
    models = tmp_path / VARIABLES["THALAMUS_MODELS"].strip("/")
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    (bundles / "digits").symlink_to(ROOT / "models/digits")
    uri, folder = {
        "a folder of bundles": (f"file://{bundles}", models),
        "one model": (f"file://{ROOT}/models/digits", models / "digits"),
        "an archive": (archive, models),
    }[layout]
    STORAGE.run(DOWNLOAD, uri, str(folder))
    with serving(models) as port:
        assert json.loads(KSERVE.run(ASK, str(port), *map(str, DIGITS))) == expected()
        instances = {"instances": [DIGITS[0].read_bytes().hex()]}
        refused = httpx.post(f"http://127.0.0.1:{port}/v1/models/digits:predict", json=instances)
        assert refused.status_code == 422  # V1 is spoken, and hexadecimal digits are no picture

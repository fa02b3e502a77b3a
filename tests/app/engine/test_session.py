import json
import os
import subprocess
import sys

import numpy as np
import pytest

from app.bundle import ImageSpec, TensorSpec
from app.engine.session import CPU, CUDA, Session, choose_providers, cuda_present
from app.errors import DeviceUnavailable, InvalidBundle
from tests import fakes

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))


@pytest.mark.parametrize(
    ("device", "cuda", "first"),
    [
        ("cpu", False, CPU),
        ("cpu", True, CPU),
        ("auto", False, CPU),
        ("auto", True, CUDA),
        ("cuda", True, CUDA),
    ],
)
def test_the_provider_asked_for(device, cuda: bool, first: str) -> None:
    chosen = choose_providers(device, cuda)[0]
    assert (chosen if isinstance(chosen, str) else chosen[0]) == first


def test_cuda_without_a_gpu_is_refused() -> None:
    with pytest.raises(DeviceUnavailable, match="THALAMUS_DEVICE=auto"):
        choose_providers("cuda", cuda=False)


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_a_session_never_falls_back_unsaid() -> None:
    with pytest.raises(DeviceUnavailable):
        Session(fakes.image_graph(), "cuda")
    assert Session(fakes.image_graph(), "auto").provider == CPU


@pytest.mark.skipif(not cuda_present(), reason="there is no GPU")
def test_the_gpu_answers_as_the_cpu_does() -> None:
    on_gpu, on_cpu = (Session(fakes.image_graph(), device) for device in ("cuda", "cpu"))
    assert on_gpu.provider == CUDA
    one, other = (session.run({"image": PIXELS})["probabilities"] for session in (on_gpu, on_cpu))
    assert np.allclose(one, other, atol=1e-5)


def test_a_graph_answers_by_the_names_of_its_outputs() -> None:
    answers = Session(fakes.image_graph()).run({"image": PIXELS})
    assert list(answers) == ["probabilities"]
    assert np.allclose(answers["probabilities"].sum(axis=1), 1)


def test_io_binding_gives_the_same_answers() -> None:
    session = Session(fakes.image_graph())
    plain, bound = session._run_plain({"image": PIXELS}), session._run_bound({"image": PIXELS})
    assert np.array_equal(plain[0], bound[0])


def test_the_manifest_must_agree_with_the_graph() -> None:
    session = Session(fakes.image_graph())
    right = ImageSpec(height=8, width=8).tensors()
    session.check(right, [OUTPUT])
    wrong = [
        (ImageSpec(height=8, width=9).tensors(), [OUTPUT]),
        (ImageSpec(height=8, width=8, dtype="float32").tensors(), [OUTPUT]),
        (right, [OUTPUT.model_copy(update={"name": "scores"})]),
        (right, [OUTPUT.model_copy(update={"shape": ("batch", 4)})]),
    ]
    for inputs, outputs in wrong:
        with pytest.raises(InvalidBundle, match="the manifest says"):
            session.check(inputs, outputs)


@pytest.mark.parametrize("model", [b"", b"not a graph", b"\x08\x07"])
def test_what_is_no_graph_is_refused(model: bytes) -> None:
    with pytest.raises(InvalidBundle, match="cannot load the graph"):
        Session(model)


def test_a_run_that_fails_is_an_expected_error() -> None:
    with pytest.raises(InvalidBundle, match="cannot run the graph"):
        Session(fakes.image_graph()).run({"image": PIXELS[:, :4]})


OFFLINE = """
import socket, sys, json

def refuse(*_):
    raise AssertionError("something wants to reach the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
assert "onnxruntime" not in sys.modules
from tests import fakes
import app
import numpy, os
at_load = os.environ.get("ORT_DISABLE_TELEMETRY")
from app.engine.session import Session
session = Session(fakes.image_graph())
session.run({"image": numpy.zeros((1, 8, 8, 3), dtype=numpy.uint8)})
print(json.dumps([at_load, os.environ.get("ORT_DISABLE_TELEMETRY")]))
"""


@pytest.mark.parametrize("module", ["app", "app.engine.session"])
def test_telemetry_is_off_before_the_library_loads(module: str) -> None:
    watch = (
        "import sys, os, json\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'onnxruntime':\n"
        "            print(json.dumps(os.environ.get('ORT_DISABLE_TELEMETRY')))\n"
        "sys.meta_path.insert(0, Watch())\n"
        f"import {module}\n"
        "import onnxruntime\n"
    )
    assert alone(watch)[0] == "1"


def test_a_session_needs_no_network() -> None:
    assert alone(OFFLINE)[-1] == ["1", "1"]


def alone(code: str) -> list:
    """Run code in a process of its own; return the JSON lines that it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]

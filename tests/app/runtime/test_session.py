import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from app.bundle.tensors import TensorSpec
from app.errors import DeviceUnavailable, InvalidBundle
from app.modalities.image.spec import ImageSpec
from app.runtime.providers import CPU, CUDA, TENSORRT, cuda_present
from app.runtime.runners import SIZES
from app.runtime.session import Session
from tests import fakes
from tests.app.runtime.fake_gpu import FakeGpu

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_a_named_device_that_is_absent_is_refused() -> None:
    with pytest.raises(DeviceUnavailable):
        Session(fakes.image_graph(), "cuda")
    with pytest.raises(DeviceUnavailable):
        Session(fakes.image_graph(), "tensorrt")
    assert Session(fakes.image_graph(), "auto").provider == CPU


@pytest.mark.skipif(not cuda_present(), reason="there is no GPU")
@pytest.mark.parametrize("graphs", [False, True])
def test_gpu_and_cpu_give_the_same_answers(graphs: bool) -> None:
    on_gpu = Session(fakes.image_graph(), "cuda", cuda_graphs=graphs)
    on_cpu = Session(fakes.image_graph(), "cpu")
    assert on_gpu.provider == CUDA
    one, other = (session.run({"image": PIXELS})["probabilities"] for session in (on_gpu, on_cpu))
    assert np.allclose(one, other, atol=2e-3)  # a GPU multiplies in TF32


def test_a_graph_answers_by_the_names_of_its_outputs() -> None:
    answers = Session(fakes.image_graph()).run({"image": PIXELS})
    assert list(answers) == ["probabilities"]
    assert np.allclose(answers["probabilities"].sum(axis=1), 1)


@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_silent_fallback_to_the_cpu_is_refused(device) -> None:
    with pytest.raises(DeviceUnavailable, match=f"THALAMUS_DEVICE={device}, but .* runs on {CPU}"):
        Session(fakes.image_graph(), device, machine=FakeGpu(CPU).machine)
    assert Session(fakes.image_graph(), "auto", machine=FakeGpu(CPU).machine).provider == CPU


def test_a_fallback_of_one_size_only_is_refused() -> None:
    with pytest.raises(DeviceUnavailable, match="this time"):
        Session(fakes.image_graph(), "cuda", machine=FakeGpu(CUDA, later=CPU).machine)


def test_on_a_gpu_no_session_runs_two_batch_sizes_and_each_is_warm() -> None:
    gpu = FakeGpu()
    session = Session(fakes.image_graph(), "cuda", machine=gpu.machine)
    assert gpu.sizes == [[], *([size] for size in SIZES)]
    for count in (3, 1, 2, 3):
        session.run({"image": PIXELS[:count]})
    assert gpu.sizes == [[], [1] * 2, [2] * 2, [4] * 3, [8], [16], [32]]


def test_tensorrt_builds_its_engine_for_the_usual_sizes_while_loading() -> None:
    gpu = FakeGpu(TENSORRT)
    Session(fakes.image_graph(), "tensorrt", machine=gpu.machine)
    assert gpu.sizes == [[32, 1]]


@pytest.mark.parametrize("graph", [fakes.text_graph, fakes.tree_graph])
@pytest.mark.parametrize("provider", [CUDA, TENSORRT])
def test_dynamic_sizes_are_not_run_while_loading(provider: str, graph) -> None:
    gpu = FakeGpu(provider)
    Session(graph(11), "cuda" if provider == CUDA else "tensorrt", machine=gpu.machine)
    assert gpu.sizes == [[]]


@pytest.mark.parametrize("cuda_graphs", [False, True])
def test_with_cuda_graphs_one_thread_runs_all_batches(cuda_graphs: bool) -> None:
    gpu = FakeGpu()
    session = Session(fakes.image_graph(), "cuda", cuda_graphs=cuda_graphs, machine=gpu.machine)
    answers = session.run({"image": PIXELS})["probabilities"]
    expected = Session(fakes.image_graph()).run({"image": PIXELS})["probabilities"]
    assert np.allclose(answers, expected, atol=1e-6)
    assert gpu.captures == [False, *[cuda_graphs] * len(SIZES)]
    assert len(gpu.threads) == 1
    assert (gpu.threads == {threading.get_ident()}) == (not cuda_graphs)


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_cuda_graphs_change_nothing_on_the_cpu() -> None:
    session = Session(fakes.image_graph(), "auto", cuda_graphs=True)
    assert session.run({"image": PIXELS})["probabilities"].shape == (3, 3)


def test_a_session_describes_its_graph() -> None:
    session = Session(fakes.image_graph())
    inputs = ImageSpec(height=8, width=8).tensors()
    assert session.tensors()[1] == (OUTPUT,)
    session.check(inputs, [OUTPUT])
    with pytest.raises(InvalidBundle, match="the manifest says"):
        session.check(inputs, [OUTPUT.model_copy(update={"name": "scores"})])


@pytest.mark.parametrize("model", [b"", b"not a graph", b"\x08\x07"])
def test_bytes_that_are_no_graph_are_refused(model: bytes) -> None:
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
from app.runtime.session import Session
session = Session(fakes.image_graph())
session.run({"image": numpy.zeros((1, 8, 8, 3), dtype=numpy.uint8)})
print(json.dumps([at_load, os.environ.get("ORT_DISABLE_TELEMETRY")]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("module", ["app", "app.runtime.session"])
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


@pytest.mark.slow
def test_a_session_needs_no_network() -> None:
    assert alone(OFFLINE)[-1] == ["1", "1"]


def alone(code: str) -> list:
    """Run code in a separate process; return the JSON lines that it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]

import json
import os
import subprocess
import sys
import threading
from functools import partialmethod
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import app.runtime.providers
import app.runtime.session
from app.bundle import read_bundle
from app.bundle.tensors import TensorSpec
from app.errors import DeviceUnavailable, InvalidBundle
from app.modalities import Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from app.registry import SHIPPED
from app.runtime.per_size import SIZES
from app.runtime.providers import CPU, CUDA, TENSORRT, cuda_present
from app.runtime.session import Session, _bound
from tests import fakes

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
EACH = ["0"] * len(SIZES)  # what is asked of a session of each size: no CUDA graph
MODELS = Path(__file__).parents[3] / "models"
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_a_session_never_falls_back_unsaid() -> None:
    with pytest.raises(DeviceUnavailable):
        Session(fakes.image_graph(), "cuda")
    with pytest.raises(DeviceUnavailable):
        Session(fakes.image_graph(), "tensorrt")
    assert Session(fakes.image_graph(), "auto").provider == CPU


@pytest.mark.skipif(not cuda_present(), reason="there is no GPU")
@pytest.mark.parametrize("graphs", [False, True])
def test_the_gpu_answers_as_the_cpu_does(graphs: bool) -> None:
    on_gpu = Session(fakes.image_graph(), "cuda", cuda_graphs=graphs)
    on_cpu = Session(fakes.image_graph(), "cpu")
    assert on_gpu.provider == CUDA
    one, other = (session.run({"image": PIXELS})["probabilities"] for session in (on_gpu, on_cpu))
    assert np.allclose(one, other, atol=2e-3)  # a GPU multiplies in TF32


def test_a_graph_answers_by_the_names_of_its_outputs() -> None:
    answers = Session(fakes.image_graph()).run({"image": PIXELS})
    assert list(answers) == ["probabilities"]
    assert np.allclose(answers["probabilities"].sum(axis=1), 1)


def test_io_binding_gives_the_same_answers() -> None:
    session = Session(fakes.image_graph())
    plain, bound = (
        session._run_plain({"image": PIXELS}),
        _bound(session._session, ["probabilities"], {"image": PIXELS}),
    )
    assert np.array_equal(plain[0], bound[0])


def test_what_is_computed_on_demand_is_had_on_a_gpu_too(monkeypatch) -> None:
    bundle = read_bundle(MODELS / "digits" / "1", SHIPPED)
    files = [case.file for case in bundle.golden[:3]]
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    payloads = [Payload(bundle.files[f"golden/{file}"], "image/png") for file in files]
    images = np.stack([encoder.encode(payload).arrays["image"] for payload in payloads])
    expected = Session(bundle.model).run({"image": images}, explain=True)
    OnGpu(monkeypatch, "cpu")
    answers = Session(bundle.model, "cuda").run({"image": images}, explain=True)
    assert expected["saliency"].size
    unasked = Session(bundle.model, "cuda").run({"image": images})
    assert expected.keys() - unasked.keys() == {"saliency"}
    for name, values in expected.items():
        assert np.allclose(answers[name], values, atol=1e-5)


class OnGpu:
    """A machine where sessions say that they run on CUDA; what was asked of them is noted."""

    def __init__(self, monkeypatch, place: str) -> None:
        self.asked: list[str] = []
        self.threads: set[int] = set()
        self.opened: list[Claims] = []
        monkeypatch.setattr(app.runtime.providers, "cuda_present", lambda: True)
        monkeypatch.setattr(app.runtime.session, "cuda_present", lambda: True)
        monkeypatch.setattr(app.runtime.session, "page_locked", lambda: None)
        monkeypatch.setattr(app.runtime.session, "_open", self.open)
        sized = partialmethod(Session._sized, place=place)
        monkeypatch.setattr(Session, "_sized", sized)

    def open(self, model: bytes, threads: int, providers) -> "Claims":
        self.asked.append(providers[0][1].get("enable_cuda_graph", "0"))
        self.opened.append(Claims(onnxruntime.InferenceSession(model), self))
        return self.opened[-1]


class Claims:
    """A session on the CPU that says it runs on CUDA."""

    def __init__(self, real: onnxruntime.InferenceSession, machine: OnGpu) -> None:
        self.real, self.machine = real, machine
        self.sizes: list[int] = []

    def __getattr__(self, name: str):
        return getattr(self.real, name)

    def get_providers(self) -> list[str]:
        return [CUDA, CPU]

    def run_with_iobinding(self, binding, options=None) -> None:
        self.machine.threads.add(threading.get_ident())
        self.real.run_with_iobinding(binding, options)
        self.sizes += [value.shape()[0] for value in binding.get_outputs()[:1]]


@pytest.mark.parametrize(
    ("wanted", "place", "asked", "lines"),
    [
        (False, "cpu", ["0", *EACH], []),
        (True, "cpu", ["0", *["1"] * len(EACH)], []),
        # where these buffers cannot be had:
        (True, "cuda", ["0", "1", *EACH], ["no CUDA graphs"]),
    ],
)
def test_graphs_are_captured_if_wanted_and_possible(
    monkeypatch, caplog, wanted: bool, place: str, asked: list[str], lines: list[str]
) -> None:
    if place == "cuda" and cuda_present():
        pytest.skip("there is a GPU")
    caplog.set_level("INFO", "thalamus")
    machine = OnGpu(monkeypatch, place)
    session = Session(fakes.image_graph(), "cuda", cuda_graphs=wanted)
    expected = session._session.real.run(None, {"image": PIXELS})[0]
    answers = session.run({"image": PIXELS})["probabilities"]
    assert np.allclose(answers, expected, atol=1e-6)
    assert session.provider == CUDA
    assert machine.asked == asked
    assert [record.message for record in caplog.records] == lines
    assert (machine.threads == {threading.get_ident()}) == (not wanted)
    assert len(machine.threads) == 1


@pytest.mark.parametrize("graph", [fakes.text_graph, fakes.tree_graph])
def test_a_graph_with_a_free_axis_is_not_captured(monkeypatch, caplog, graph) -> None:
    caplog.set_level("INFO", "thalamus")
    machine = OnGpu(monkeypatch, "cpu")
    Session(graph(11), "cuda", cuda_graphs=True)
    assert machine.asked == ["0"]
    assert [record.message for record in caplog.records] == ["no CUDA graphs"]


def test_no_session_on_a_gpu_sees_two_sizes_of_batch(monkeypatch) -> None:
    machine = OnGpu(monkeypatch, "cpu")
    session = Session(fakes.image_graph(), "cuda")
    for count in (3, 1, 2, 3):
        session.run({"image": PIXELS[:count]})
    seen = [one.sizes for one in machine.opened[1:]]
    assert seen == [[1] * 2, [2] * 2, [4] * 3, [8], [16], [32]]  # each once before it was asked


@pytest.mark.parametrize("graph", [fakes.text_graph, fakes.tree_graph])
def test_of_free_sizes_none_is_run_before_it_is_asked_for(monkeypatch, graph) -> None:
    machine = OnGpu(monkeypatch, "cpu")
    Session(graph(11), "cuda")
    assert [one.sizes for one in machine.opened] == [[]]


def test_a_size_that_falls_back_is_refused(monkeypatch) -> None:
    machine = OnGpu(monkeypatch, "cpu")
    monkeypatch.setattr(Claims, "get_providers", lambda _: [CPU] if machine.opened[1:] else [CUDA])
    with pytest.raises(DeviceUnavailable, match="this time"):
        Session(fakes.image_graph(), "cuda")


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_asking_for_captured_graphs_changes_nothing_on_the_cpu() -> None:
    session = Session(fakes.image_graph(), "auto", cuda_graphs=True)
    assert session.run({"image": PIXELS})["probabilities"].shape == (3, 3)


def test_engines_are_built_for_the_usual_batches_before_any_is_asked_for(monkeypatch) -> None:
    without = [(fakes.text_graph(11), []), (fakes.tree_graph(11), [])]
    for graph, expected in [(fakes.image_graph(), [32, 1]), *without]:
        session, seen = Session(graph), []
        monkeypatch.setattr(session, "run", lambda a, seen=seen: seen.append(len(a["image"])))
        session._prepare(app.runtime.session._PREPARED[TENSORRT])
        assert seen == expected


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
    """Run code in a process of its own; return the JSON lines that it prints."""
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]

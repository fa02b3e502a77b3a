"""Each runner gives the answers of a plain run, and the right runner is chosen."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from app.bundle import read_bundle
from app.bundle.graph import Graph
from app.bundle.tensors import EXPLAIN, SALIENCY, Arrays
from app.modalities import Payload, encoder_for
from app.registry import SHIPPED
from app.runtime.providers import CPU, CUDA, TENSORRT
from app.runtime.runners import (
    SIZES,
    WARM_UP_SIZES,
    BoundRunner,
    CpuRunner,
    GpuSessions,
    PerSizeRunner,
    Runner,
    choose_runner,
    pad_batch,
    warm_up,
)
from app.runtime.signature import Signature
from tests import fakes
from tests.app.runtime.fake_gpu import FakeGpu, FakeSession

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
MODELS = Path(__file__).parents[3] / "models"
DYNAMIC = "an axis other than the batch's is dynamic"


def opened(model: bytes) -> tuple[onnxruntime.InferenceSession, Signature]:
    session = onnxruntime.InferenceSession(model)
    return session, Signature(session)


def images_of_digits() -> tuple[bytes, np.ndarray]:
    """Return a graph with an explanation on demand, and a batch for it."""
    bundle = read_bundle(MODELS / "digits" / "1", SHIPPED)
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    payloads = [Payload(bundle.files[f"golden/{c.file}"], "image/png") for c in bundle.golden[:3]]
    images = np.stack([encoder.encode(payload).arrays["image"] for payload in payloads])
    return bundle.model, images


def test_io_binding_gives_the_same_answers() -> None:
    session, signature = opened(fakes.image_graph())
    plain = CpuRunner(session, signature).run({"image": PIXELS})
    bound = BoundRunner(session, signature).run({"image": PIXELS})
    assert list(plain) == list(bound) == ["probabilities"]
    assert np.array_equal(plain["probabilities"], bound["probabilities"])


def test_the_explanation_is_fetched_on_demand_only_and_the_same_by_every_runner() -> None:
    model, images = images_of_digits()
    session, signature = opened(model)
    runners: list[Runner] = [make(session, signature) for make in (CpuRunner, BoundRunner)]
    runners.append(PerSizeRunner(lambda _: BoundRunner(session, signature)))
    expected = runners[0].run({"image": images, EXPLAIN: np.array(True)})
    assert expected[SALIENCY].size
    for runner in runners:
        explained = runner.run({"image": images, EXPLAIN: np.array(True)})
        assert explained.keys() == expected.keys()
        for name, values in expected.items():
            assert np.allclose(explained[name], values, atol=1e-5)
        assert expected.keys() - runner.run({"image": images}).keys() == {SALIENCY}


class DoublingRunner:
    """Doubles rows; records the number of rows for the runner of each size."""

    def __init__(self, size: int, runs: list[tuple[int, int]]) -> None:
        self.size, self.runs = size, runs

    def run(self, arrays: Arrays, options: object = None) -> dict[str, np.ndarray]:
        self.runs.append((self.size, len(arrays["x"])))
        return {"y": 2 * arrays["x"] + arrays.get("more", 0)}


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (2, [2]), (3, [4]), (9, [16]), (32, [32]), (33, [32, 1]), (70, [32, 32, 8])],
)
def test_a_batch_is_padded_to_the_next_size_or_divided(count: int, sizes: list[int]) -> None:
    runs: list[tuple[int, int]] = []
    runner = PerSizeRunner(lambda size: DoublingRunner(size, runs))
    rows = np.arange(count * 2).reshape(count, 2)
    answers = runner.run({"x": rows, "more": np.array(1)})
    assert np.array_equal(answers["y"], 2 * rows + 1)
    assert runs == [(size, size) for size in sizes]


def test_the_runner_of_each_size_is_made_by_the_constructor() -> None:
    made: list[int] = []
    PerSizeRunner(lambda size: made.append(size) or DoublingRunner(size, []))
    assert made == list(SIZES)


def test_a_batch_is_padded_with_its_last_item() -> None:
    batch = np.arange(6).reshape(3, 2)
    assert pad_batch(batch, 3) is batch
    assert pad_batch(batch, 5).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]


@pytest.mark.parametrize(
    ("provider", "model", "cuda_graphs", "expected", "lines"),
    [
        (CPU, fakes.image_graph(), False, CpuRunner, []),
        (CPU, fakes.image_graph(), True, CpuRunner, []),
        (TENSORRT, fakes.image_graph(), False, BoundRunner, []),
        (CUDA, fakes.image_graph(), False, PerSizeRunner, []),
        (CUDA, fakes.text_graph(11), False, BoundRunner, []),
        (CUDA, fakes.tree_graph(11), False, BoundRunner, []),
        (CUDA, fakes.text_graph(11), True, BoundRunner, [DYNAMIC]),
        (CUDA, fakes.tree_graph(11), True, BoundRunner, [DYNAMIC]),
    ],
)
def test_the_runner_follows_from_provider_and_axes(
    caplog, provider: str, model: bytes, cuda_graphs: bool, expected: type, lines: list[str]
) -> None:
    caplog.set_level("INFO", "thalamus")
    session, signature = opened(model)
    gpu = FakeGpu()
    another = gpu_sessions(gpu, model, cuda_graphs)
    assert type(choose_runner(provider, session, signature, another)) is expected
    assert len(gpu.sessions) == (len(SIZES) if expected is PerSizeRunner else 0)
    assert [record.fields["reason"] for record in caplog.records] == lines


def gpu_sessions(gpu: FakeGpu, model: bytes, cuda_graphs: bool) -> GpuSessions:
    def open_another(capture: bool) -> FakeSession:
        return gpu.open_session(Graph(model), 1, gpu.providers("cuda", capture))

    return GpuSessions(open_another, cuda_graphs, gpu.machine.graph_memory)


@pytest.mark.parametrize(
    ("wanted", "memory", "captures", "logged"),
    [
        (False, "cpu", [False] * len(SIZES), 0),
        (True, "cpu", [True] * len(SIZES), 0),
        (True, "no such memory", [True, *[False] * len(SIZES)], 1),
    ],
)
def test_cuda_graphs_are_captured_if_wanted_and_possible(
    caplog, wanted: bool, memory: str, captures: list[bool], logged: int
) -> None:
    caplog.set_level("INFO", "thalamus")
    session, signature = opened(fakes.image_graph())
    gpu = FakeGpu(graph_memory=memory)
    another = gpu_sessions(gpu, fakes.image_graph(), wanted)
    runner = choose_runner(CUDA, session, signature, another)
    expected = session.run(None, {"image": PIXELS})[0]
    assert np.allclose(runner.run({"image": PIXELS})["probabilities"], expected, atol=1e-6)
    assert gpu.captures == captures
    assert [record.message for record in caplog.records] == ["no CUDA graphs"] * logged


def test_a_graph_that_explains_is_not_captured(caplog) -> None:
    caplog.set_level("INFO", "thalamus")
    model, images = images_of_digits()
    session, signature = opened(model)
    gpu = FakeGpu()
    runner = choose_runner(CUDA, session, signature, gpu_sessions(gpu, model, True))
    assert runner.run({"image": images})["probabilities"].shape == (3, 10)
    assert gpu.captures == [False] * len(SIZES)
    assert [record.fields["reason"] for record in caplog.records] == [DYNAMIC]


@pytest.mark.parametrize("provider", [CPU, CUDA, TENSORRT])
@pytest.mark.parametrize(
    ("graph", "only_the_batch_varies"),
    [(fakes.image_graph, True), (lambda: fakes.text_graph(11), False)],
)
def test_warm_up_runs_the_sizes_whose_first_run_is_slow(
    provider: str, graph: Callable[[], bytes], only_the_batch_varies: bool
) -> None:
    seen: list[int] = []
    _, signature = opened(graph())
    warm_up(lambda arrays: seen.append(len(arrays["image"])), provider, signature)
    expected = WARM_UP_SIZES.get(provider, ()) if only_the_batch_varies else ()
    assert seen == list(expected)

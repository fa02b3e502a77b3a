"""Graphs, gone through on the CPU: real sessions, buffers and bindings, in the CPU's memory.

Only the capture itself is missing: the CPU ignores `gpu_graph_id` and computes each time.
"""

import numpy as np
import onnxruntime
import pytest

from app.bundle import TensorSpec
from app.engine.captured import SIZES, Captured, filled_up
from tests import fakes

IMAGE = TensorSpec(name="image", dtype="uint8", shape=("batch", 8, 8, 3))
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))
PIXELS = np.random.default_rng(0).integers(0, 256, (70, 8, 8, 3), dtype=np.uint8)


class Recorder:
    """A session that notes by which graph, and on what, it was run."""

    def __init__(self) -> None:
        self.session = onnxruntime.InferenceSession(fakes.image_graph())
        self.runs: list[tuple[str, list[int]]] = []

    def io_binding(self) -> onnxruntime.IOBinding:
        return self.session.io_binding()

    def run_with_iobinding(self, binding, options) -> None:
        self.session.run_with_iobinding(binding, options)
        rows = [value.shape()[0] for value in binding.get_outputs()]
        self.runs.append((options.get_run_config_entry("gpu_graph_id"), rows))


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def test_a_graph_is_captured_for_each_size_when_made(recorder: Recorder) -> None:
    Captured(recorder, [IMAGE], [OUTPUT], "cpu")
    assert recorder.runs == [(str(size), [size]) for size in SIZES]


@pytest.mark.parametrize(
    ("count", "graphs"),
    [(1, ["1"]), (2, ["2"]), (3, ["4"]), (9, ["16"]), (32, ["32"]), (70, ["32", "32", "8"])],
)
def test_a_batch_is_run_by_the_next_larger_graph(recorder, count: int, graphs: list[str]) -> None:
    captured = Captured(recorder, [IMAGE], [OUTPUT], "cpu")
    recorder.runs.clear()
    (answers,) = captured.run({"image": PIXELS[:count]})
    assert [number for number, _ in recorder.runs] == graphs
    expected = recorder.session.run(None, {"image": PIXELS[:count]})[0]
    assert answers.shape == expected.shape
    assert np.allclose(answers, expected, atol=1e-6)


def test_answers_outlive_the_next_batch(recorder: Recorder) -> None:
    captured = Captured(recorder, [IMAGE], [OUTPUT], "cpu")
    first = captured.run({"image": PIXELS[:2]})[0]
    kept = first.copy()
    captured.run({"image": PIXELS[2:4]})
    assert np.array_equal(first, kept)


def test_a_batch_is_filled_up_with_its_last_item() -> None:
    batch = np.arange(6).reshape(3, 2)
    assert filled_up(batch, 3) is batch
    assert filled_up(batch, 5).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]

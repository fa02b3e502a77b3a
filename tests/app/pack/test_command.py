"""Packing an ONNX image classifier as a bundle that gives the answers of the graph."""

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.modalities import Payload
from app.pipeline import Pipeline, replay
from tests.app.pack.graphs import COLOURS
from tests.app.pack.packing import SIZE, Files, golden_answers
from tests.graphs import image_graph
from tests.media import picture


def float_graph(batch: int | str = "N") -> bytes:
    """Return a graph from normalised NCHW floats, blue first, to logits, as many exporters do."""
    weights = np.eye(3, dtype=np.float32)[::-1].copy() * 4
    nodes = [
        helper.make_node("ReduceMean", ["input.1", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fake",
        [helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [batch, 3, 8, 8])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, 3])],
        [
            numpy_helper.from_array(np.array([2, 3]), "axes"),
            numpy_helper.from_array(weights, "weights"),
        ],
    )
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


BYTES = ("--dtype", "uint8", "--layout", "NHWC", "--scores", "probabilities")
FLOATS = ("--order", "BGR", "--mean", "0.5", "0.4", "0.3", "--std", "0.2", "0.25", "0.3")


@pytest.mark.parametrize(
    "options", [("--mean", "0.5", "0.5"), ("--std", "0.5"), ("--std", "1", "1", "1", "1")]
)
def test_pack_refuses_another_number_of_means(files: Files, options: tuple[str, ...]) -> None:
    error = files.refusal(float_graph(), *options)
    assert f"{options[0]}: expected 3 numbers, got {len(options) - 1}" in error


@pytest.mark.parametrize(
    ("model", "options"), [(image_graph(), BYTES), (float_graph(), FLOATS)], ids=["bytes", "floats"]
)
def test_packed_graph_answers_as_the_original(
    files: Files, model: bytes, options: tuple[str, ...]
) -> None:
    assert files.pack(model, *options) == 0
    bundle = files.bundle()
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    assert golden_answers(pipeline) == list(COLOURS)


def test_pack_applies_the_given_normalisation(files: Files) -> None:
    assert files.pack(float_graph(), *FLOATS) == 0
    encoder = Pipeline(files.bundle()).encoder
    pixels = encoder.encode(Payload(picture(SIZE, COLOURS["red"]), "image/png")).arrays["image"]
    blue_green_red = np.array(COLOURS["red"])[::-1] / 255
    expected = (blue_green_red - [0.5, 0.4, 0.3]) / [0.2, 0.25, 0.3]
    assert np.allclose(pixels.mean(axis=(1, 2)), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "options", "complaint"),
    [
        ("bytes.onnx", (), "the graph takes"),
        ("bytes.onnx", (*BYTES, "--size", "9x9"), "the graph takes"),
        ("bytes.onnx", (*BYTES, "--size", "wide"), "WIDTHxHEIGHT"),
        ("bytes.onnx", (*BYTES, "--name", "Not A Name"), "name"),
        ("absent.onnx", BYTES, "No such file"),
        ("floats.onnx", (*FLOATS, "--golden", "red.pdf"), "No such file"),
        ("floats.onnx", (*FLOATS, "--golden", __file__), "golden picture"),
    ],
)
def test_pack_errors_are_one_line(
    files: Files, model: str, options: tuple[str, ...], complaint: str
) -> None:
    (files.folder / "bytes.onnx").write_bytes(image_graph())
    (files.folder / "floats.onnx").write_bytes(float_graph())
    assert complaint in files.refusal(files.folder / model, *options)


def test_pack_refuses_a_file_that_is_no_graph(
    files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line ends with the message of ONNX Runtime."""
    assert files.pack(files.labels, *BYTES) == 2
    error = capsys.readouterr().err
    assert "cannot load" in error
    assert error.count("\n") == 1
    assert not files.published.exists()


def test_pack_refuses_a_fixed_batch_axis(files: Files) -> None:
    assert "free batch axis" in files.refusal(float_graph(batch=1), *FLOATS)


def test_pack_refuses_a_wrong_number_of_labels(files: Files) -> None:
    files.labels.write_text("one\ntwo\n")
    assert "2 labels" in files.refusal(float_graph(), *FLOATS)

"""Packing an ONNX image classifier as a bundle that gives the answers of the graph."""

import io
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from app.bundle import read_bundle
from app.cli import main
from app.modalities import Payload
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.graphs import image_graph

COLOURS = {"red": (250, 10, 20), "green": (10, 240, 30), "blue": (5, 15, 235)}


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(buffer, "PNG")
    return buffer.getvalue()


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


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS) + "\n")
    (tmp_path / "bytes.onnx").write_bytes(image_graph())
    (tmp_path / "floats.onnx").write_bytes(float_graph())
    for name, colour in COLOURS.items():
        (tmp_path / f"{name}.png").write_bytes(picture(colour))
    return tmp_path


def pack(files: Path, model: str, *options: str) -> int:
    golden = [str(files / f"{name}.png") for name in COLOURS]
    return main(
        ["pack", str(files / model), "--name", "mine", "--labels", str(files / "labels.txt"),
         "--models", str(files / "models"), "--size", "8x8", "--golden", *golden, *options]
    )  # fmt: skip


BYTES = ("--dtype", "uint8", "--layout", "NHWC", "--scores", "probabilities")
FLOATS = ("--order", "BGR", "--mean", "0.5", "0.4", "0.3", "--std", "0.2", "0.25", "0.3")


@pytest.mark.parametrize(
    "options", [("--mean", "0.5", "0.5"), ("--std", "0.5"), ("--std", "1", "1", "1", "1")]
)
def test_pack_refuses_another_number_of_means(
    files: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert pack(files, "floats.onnx", *options) == 2
    assert f"{options[0]}: expected 3 numbers, got {len(options) - 1}" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "options"), [("bytes.onnx", BYTES), ("floats.onnx", FLOATS)])
def test_packed_graph_answers_as_the_original(
    files: Path, model: str, options: tuple[str, ...]
) -> None:
    assert pack(files, model, *options) == 0
    bundle = read_bundle(files / "models/mine/1", SHIPPED)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    payloads = [Payload(picture(colour), "image/png") for colour in COLOURS.values()]
    assert [answer.label for answer in pipeline.predict(payloads)] == list(COLOURS)


def test_pack_applies_the_given_normalisation(files: Path) -> None:
    assert pack(files, "floats.onnx", *FLOATS) == 0
    encoder = Pipeline(read_bundle(files / "models/mine/1", SHIPPED)).encoder
    pixels = encoder.encode(Payload(picture(COLOURS["red"]), "image/png")).arrays["image"]
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
        ("labels.txt", BYTES, "cannot load"),
        ("absent.onnx", BYTES, "No such file"),
        ("floats.onnx", (*FLOATS, "--golden", "red.pdf"), "No such file"),
        ("floats.onnx", (*FLOATS, "--golden", __file__), "golden picture"),
    ],
)
def test_pack_errors_are_one_line(
    files: Path, capsys: pytest.CaptureFixture[str], model: str, options, complaint: str
) -> None:
    assert pack(files, model, *options) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert not (files / "models/mine/1").exists()


def test_pack_refuses_a_fixed_batch_axis(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "fixed.onnx").write_bytes(float_graph(batch=1))
    assert pack(files, "fixed.onnx", *FLOATS) == 2
    assert "free batch axis" in capsys.readouterr().err


def test_pack_refuses_a_wrong_number_of_labels(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "labels.txt").write_text("one\ntwo\n")
    assert pack(files, "floats.onnx", *FLOATS) == 2
    assert "2 labels" in capsys.readouterr().err

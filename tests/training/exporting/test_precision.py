"""Fewer bits: the same tensors in and out, nearly the same answers, no smaller promise."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from app.bundle import read_bundle
from app.bundle.tensors import PROBABILITIES
from app.modalities import encoder_for
from app.pipeline.replay import golden_payload
from app.registry import SHIPPED
from app.runtime.session import Session
from tests.training.conftest import REPOSITORY
from tests.training.samples import Toy, sentences, squares
from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.export import Servable, export
from training.exporting.graph import feeds_for
from training.exporting.precision import Precision, convert
from training.networks.recurrent.classifier import TextRecurrentNet

pytestmark = pytest.mark.slow


class Small(nn.Module):
    """A convolution and, behind a logarithm or not, another."""

    def __init__(self, logarithm: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.head, self.logarithm = nn.Linear(8, 2), logarithm

    def forward(self, image: Tensor) -> Tensor:
        hidden = self.first(image.permute(0, 3, 1, 2).to(torch.float32) / 255 - 0.5).abs()
        if self.logarithm:  # of what no 16 bits can hold, and is read twice
            hidden = torch.log(hidden.square() * 1e6 + 1e6 * hidden + 1) / 9
        return self.head(torch.relu(self.second(hidden)).mean((2, 3)))


def graph(network: nn.Module, examples: Examples, saliency_axes: Sequence[str] = ()) -> bytes:
    arrays = [torch.from_numpy(array) for array in examples.batch([0, 1])[0]]
    return export(Servable(network), examples.inputs, arrays, saliency_axes)


def feeds(examples: Examples) -> dict[str, np.ndarray]:
    arrays, _ = examples.batch(range(len(examples)))
    return {spec.name: array for spec, array in zip(examples.inputs, arrays, strict=True)}


def small(logarithm: bool = False) -> tuple[bytes, Examples]:
    torch.manual_seed(1)
    return graph(Small(logarithm), squares(2, seed=0)), squares(64, seed=3)


def recurrent() -> tuple[bytes, Examples]:
    torch.manual_seed(1)
    network = TextRecurrentNet(vocabulary=20, classes=2, embedding=16, hidden=16)
    model = graph(network.eval(), sentences([3, 4], 20), ("time",))
    return model, sentences([1, 5, 9, 2], 20, seed=1)


CASES = {
    "convolutional int8": (small, "int8"),
    "convolutional fp16": (small, "fp16"),
    "recurrent int8": (recurrent, "int8"),
    "recurrent fp16": (recurrent, "fp16"),
}


@pytest.mark.parametrize("case", CASES)
def test_converted_graph_is_close_to_float32(case: str):
    made, precision = CASES[case]
    model, examples = made()
    converted = convert(model, precision, [feeds(examples)])
    session = Session(converted)
    assert session.tensors() == Session(model).tensors()
    before, after = (Session(m).run(feeds(examples))[PROBABILITIES] for m in (model, converted))
    assert 0 < np.abs(before - after).max() < 0.02
    assert convert(model, precision, [feeds(examples)]) == converted


def operators(model: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(model).graph.node]


def test_int8_convolutions_have_a_scale_per_channel():
    model, examples = small()
    converted = onnx.load_from_string(convert(model, "int8", [feeds(examples)]))
    scales = {i.name: list(i.dims) for i in converted.graph.initializer if "scale" in i.name}
    assert [8] in scales.values()


def test_nodes_before_a_logarithm_stay_float32():
    model, examples = small(logarithm=True)
    plain, behind = (
        operators(convert(small(logarithm)[0], "int8", [feeds(examples)])).count("QuantizeLinear")
        for logarithm in (False, True)
    )
    assert behind < plain
    half = onnx.load_from_string(convert(model, "fp16", []))
    graphs = (model, half.SerializeToString())
    answers = [Session(m).run(feeds(examples))[PROBABILITIES] for m in graphs]
    assert np.abs(answers[0] - answers[1]).max() < 0.01
    kinds = [i.data_type for i in half.graph.initializer if list(i.dims) == [8, 1, 3, 3]]
    assert kinds == [onnx.TensorProto.FLOAT]


@pytest.mark.parametrize("name", ["digits", "spam"])
def test_int8_leaves_the_optional_output_and_shares_its_weights(name: str):
    bundle = read_bundle(REPOSITORY / "models" / name / "1", SHIPPED)
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items = [encoder.encode(golden_payload(bundle, case)).arrays for case in bundle.golden]
    inputs = feeds_for(bundle.manifest, items)
    converted = convert(bundle.model, "int8", [inputs])
    actual = [Session(model).run(inputs, explain=True) for model in (bundle.model, converted)]
    assert set(actual[0]) == set(actual[1])
    np.testing.assert_allclose(actual[1]["saliency"], actual[0]["saliency"], atol=1e-6)
    assert not np.array_equal(actual[1][PROBABILITIES], actual[0][PROBABILITIES])
    assert Session(converted).run(inputs)["embedding"].shape == actual[0]["embedding"].shape
    assert len(converted) < 1.3 * len(bundle.model)


def test_int8_lstm_is_dynamic():
    model, _ = recurrent()
    assert "DynamicQuantizeLSTM" in operators(convert(model, "int8", []))


@pytest.mark.parametrize("precision", ["int8", "fp16"])
def test_conversion_refuses_custom_operators(precision: Precision):
    model = onnx.load_from_string(graph(Toy(), squares(2, seed=0)))
    model.functions.add().name = "TreeLSTM"
    with pytest.raises(TrainingError, match="operators of its own"):
        convert(model.SerializeToString(), precision, [])


class Counting(nn.Module):
    """Logits from how often each token comes."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 2)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        return self.embed(tokens).sum(1) / length[:, None]


def test_int8_refuses_a_graph_without_quantisable_nodes():
    with pytest.raises(TrainingError, match="nothing to quantise"):
        convert(graph(Counting(), sentences([3, 4], 20)), "int8", [])

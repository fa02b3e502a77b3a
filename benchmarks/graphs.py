"""The networks of the benchmarks: ONNX graphs with random weights, the same bytes every time.

Their accuracy is irrelevant. `Spread` only makes the answers differ, so that a server which
confuses two requests is detected.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

IMAGENET = 1000  # labels of the large model
DIGITS = 10  # labels of the small model
FAINT = 0.0001  # weight of the large model's last layers relative to the first
# MobileNetV2's table: expansion, channels, repeats, stride of the first.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True)
class Spread:
    """The offset and the factor of the logits."""

    bias: np.ndarray | float = 0.0
    sharpness: float = 1.0


class Graph:
    """Nodes in order; each method appends some and returns the name of their output."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, skip: int = 0, **attributes: object) -> str:
        """Append a node and return its output, the one after `skip` unused outputs."""
        output = f"{kind.lower()}_{len(self._nodes)}"
        outputs = [""] * skip + [output]
        self._nodes.append(helper.make_node(kind, list(inputs), outputs, **attributes))
        return output

    def constant(self, value: np.ndarray | float) -> str:
        """Add a constant: an array, or a number as float32."""
        array = value if isinstance(value, np.ndarray) else np.float32(value)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def weights(self, *shape: int, fan_in: int) -> str:
        """Add normally distributed weights that keep the variance of their inputs."""
        deviation = np.sqrt(2 / fan_in)
        return self.constant(self._random.normal(0, deviation, shape).astype(np.float32))

    def conv(self, x: str, sizes: tuple[int, int, int], stride: int = 1, groups: int = 1) -> str:
        """Convolve; `sizes` are channels in, channels out and the kernel's side."""
        channels, out, side = sizes
        per_group = channels // groups
        weights = self.weights(out, per_group, side, side, fan_in=per_group * side * side)
        bias = self.weights(out, fan_in=200)
        pads = [side // 2] * 4
        return self.node("Conv", x, weights, bias, strides=[stride] * 2, pads=pads, group=groups)

    def relu6(self, x: str) -> str:
        """Clip to 0..6."""
        return self.node("Clip", x, self.constant(0.0), self.constant(6.0))

    def pixels(self, image: str) -> str:
        """uint8 (batch, height, width, 3) → float32 (batch, 3, height, width), about -2..2."""
        floats = self.node("Cast", image, to=TensorProto.FLOAT)
        centred = self.node("Sub", floats, self.constant(120.0))
        scaled = self.node("Mul", centred, self.constant(1 / 60))
        return self.node("Transpose", scaled, perm=[0, 3, 1, 2])

    def answer(self, features: str, channels: int, labels: int, spread: Spread) -> str:
        """(batch, channels) → probabilities (batch, labels)."""
        logits = self.node("MatMul", features, self.weights(channels, labels, fan_in=channels))
        centred = self.node("Add", logits, self.constant(spread.bias))
        sharp = self.node("Mul", centred, self.constant(spread.sharpness))
        return self.node("Softmax", sharp, axis=1)

    def model(self, inputs: list[onnx.ValueInfoProto], output: str, labels: int) -> bytes:
        """Return the serialised model, its output named `probabilities`."""
        self._nodes.append(helper.make_node("Identity", [output], ["probabilities"]))
        outputs = [tensor("probabilities", TensorProto.FLOAT, "batch", labels)]
        graph = helper.make_graph(self._nodes, "benchmark", inputs, outputs, self._constants)
        opset = helper.make_opsetid("", 18)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())


def tensor(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    """Describe an input or an output."""
    return helper.make_tensor_value_info(name, kind, shape)


def large(spread: Spread = Spread()) -> bytes:
    """MobileNetV2's layers on uint8 (batch, 224, 224, 3).

    So many random layers amplify a pixel's last bit, in which decoders differ, and lose the content
    of pictures. So the answer depends on the first layer as well.
    """
    graph = Graph(seed=1)
    x, channels = graph.relu6(graph.conv(graph.pixels("image"), (3, 32, 3), stride=2)), 32
    seen = graph.node("GlobalAveragePool", x)
    for expansion, out, repeats, first in _STAGES:
        for index in range(repeats):
            x = _inverted_residual(graph, x, (channels, out, expansion), 1 if index else first)
            channels = out
    x = graph.relu6(graph.conv(x, (channels, 1280, 1)))
    faint = graph.node("Mul", graph.node("GlobalAveragePool", x), graph.constant(FAINT))
    x = graph.node("Concat", faint, seen, axis=1)
    answer = graph.answer(graph.node("Flatten", x), 1280 + 32, IMAGENET, spread)
    return graph.model([tensor("image", TensorProto.UINT8, "batch", 224, 224, 3)], answer, IMAGENET)


def _inverted_residual(graph: Graph, x: str, sizes: tuple[int, int, int], stride: int) -> str:
    channels, out, expansion = sizes
    expanded = channels * expansion
    y = x if expansion == 1 else graph.relu6(graph.conv(x, (channels, expanded, 1)))
    y = graph.relu6(graph.conv(y, (expanded, expanded, 3), stride, groups=expanded))
    y = graph.conv(y, (expanded, out, 1))
    return graph.node("Add", x, y) if stride == 1 and channels == out else y


def small(spread: Spread = Spread()) -> bytes:
    """Three convolutions on uint8 (batch, 32, 32, 3)."""
    graph = Graph(seed=2)
    x = graph.pixels("image")
    for channels, out in ((3, 8), (8, 16), (16, 32)):
        x = graph.node("Relu", graph.conv(x, (channels, out, 3), stride=2))
    x = graph.node("Flatten", graph.node("GlobalAveragePool", x))
    answer = graph.answer(x, 32, DIGITS, spread)
    return graph.model([tensor("image", TensorProto.UINT8, "batch", 32, 32, 3)], answer, DIGITS)


def text(vocabulary: int, width: int = 128) -> bytes:
    """A GRU over tokens (batch, time) that stops at length (batch,); two labels."""
    graph = Graph(seed=3)
    table = graph.weights(vocabulary, width, fan_in=2)
    embedded = graph.node("Gather", table, "tokens", axis=0)
    steps = graph.node("Transpose", embedded, perm=[1, 0, 2])
    lengths = graph.node("Cast", "length", to=TensorProto.INT32)
    weights = [graph.weights(1, 3 * width, width, fan_in=width) for _ in ("input", "recurrent")]
    state = graph.node("GRU", steps, *weights, "", lengths, skip=1, hidden_size=width)
    last = graph.node("Squeeze", state, graph.constant(np.array([0])))
    inputs = [
        tensor("tokens", TensorProto.INT64, "batch", "time"),
        tensor("length", TensorProto.INT64, "batch"),
    ]
    return graph.model(inputs, graph.answer(last, width, 2, Spread()), 2)

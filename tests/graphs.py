"""ONNX graphs of a few nodes for pictures and sounds; those for words are in `language_graphs`."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def make_graph(nodes, inputs, outputs, constants) -> bytes:
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "fake", inputs, outputs, initializers)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 18)], producer_name="fakes", ir_version=9
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def tensor(name: str, kind: int, shape) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def image_graph(
    side: int = 8, sharpness: float = 8.0, *, embedding: bool = False, explained: bool = False
) -> bytes:
    """Mean colour → linear → softmax; uint8 NHWC.

    embedding: the mean colour is an output. explained: the brightness is the output `saliency`.
    """
    colour = "embedding" if embedding else "colour"
    features = [tensor(colour, TensorProto.FLOAT, ["batch", 3])] if embedding else []
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "white"], ["scaled"]),
        node("ReduceMean", ["scaled", "height_width"], [colour], keepdims=0),
        node("MatMul", [colour, "weights"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    outputs = [tensor("probabilities", TensorProto.FLOAT, ["batch", 3]), *features]
    if explained:
        nodes.append(node("ReduceMax", ["scaled", "channel"], ["saliency"], keepdims=0))
        outputs.append(tensor("saliency", TensorProto.FLOAT, ["batch", side, side]))
    return make_graph(
        nodes,
        [tensor("image", TensorProto.UINT8, ["batch", side, side, 3])],
        outputs,
        {
            "white": np.float32(255),
            "channel": np.array([3]),
            "height_width": np.array([1, 2]),
            "weights": np.eye(3, dtype=np.float32) * np.float32(sharpness),
        },
    )


def faulty_graph(side: int = 8) -> bytes:
    """`image_graph`, but black gives NaN, white cannot be run, and red never ends; uint8 NHWC."""
    node = helper.make_node
    body = helper.make_graph(
        [node("Add", ["value", "nothing"], ["next"]), node("Identity", ["go"], ["goes"])],
        "body",
        [
            tensor("step", TensorProto.INT64, []),
            tensor("go", TensorProto.BOOL, []),
            tensor("value", TensorProto.FLOAT, None),
        ],
        [tensor("goes", TensorProto.BOOL, []), tensor("next", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.float32(0), "nothing")],
    )
    nodes = [
        node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "white"], ["scaled"]),
        node("ReduceMean", ["scaled", "height_width"], ["colour"], keepdims=0),
        node("ReduceMean", ["colour", "channel"], ["brightness"], keepdims=1),
        node("Log", ["brightness"], ["infinite"]),  # of black
        node("Mul", ["infinite", "zero"], ["nan"]),
        node("Add", ["colour", "nan"], ["added"]),
        node("Mul", ["brightness", "two"], ["doubled"]),
        node("Cast", ["doubled"], ["index"], to=TensorProto.INT64),  # 2 for white
        node("Gather", ["zeros", "index"], ["gathered"], axis=0),
        node("Add", ["added", "gathered"], ["summed"]),
        node("MatMul", ["colour", "redness"], ["red"]),
        node("ReduceMax", ["red"], ["reddest"], keepdims=0),
        node("Greater", ["reddest", "limit"], ["endless"]),
        node("Where", ["endless", "many", "one"], ["times"]),
        node("Loop", ["times", "true", "summed"], ["looped"], body=body),
        node("Reshape", ["looped", "shape"], ["features"]),
        node("MatMul", ["features", "weights"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    return make_graph(
        nodes,
        [tensor("image", TensorProto.UINT8, ["batch", side, side, 3])],
        [tensor("probabilities", TensorProto.FLOAT, ["batch", 3])],
        {
            "white": np.float32(255),
            "zero": np.float32(0),
            "two": np.float32(2),
            "zeros": np.zeros(2, dtype=np.float32),
            "height_width": np.array([1, 2]),
            "channel": np.array([1]),
            "redness": np.array([[1], [-1], [-1]], dtype=np.float32),
            "limit": np.float32(0.8),
            "many": np.int64(2**60),
            "one": np.int64(1),
            "true": np.array(True),
            "shape": np.array([-1, 3]),
            "weights": np.eye(3, dtype=np.float32) * np.float32(8),
        },
    )


def novelty_graph(side: int = 8) -> bytes:
    """`image_graph` with novelty: the distance of the pixels from their mean colour."""
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "white"], ["scaled"]),
        node("ReduceMean", ["scaled", "height_width"], ["plain"], keepdims=1),
        node("Squeeze", ["plain", "height_width"], ["colour"]),
        node("MatMul", ["colour", "weights"], ["logits"]),
        node("Softmax", ["logits"], ["probabilities"], axis=1),
        node("Sub", ["scaled", "plain"], ["off"]),
        node("ReduceSumSquare", ["off", "all"], ["distance"], keepdims=0),
        node("Tanh", ["distance"], ["novelty"]),
    ]
    return make_graph(
        nodes,
        [tensor("image", TensorProto.UINT8, ["batch", side, side, 3])],
        [
            tensor("probabilities", TensorProto.FLOAT, ["batch", 3]),
            tensor("novelty", TensorProto.FLOAT, ["batch"]),
        ],
        {
            "white": np.float32(255),
            "height_width": np.array([1, 2]),
            "all": np.array([1, 2, 3]),
            "weights": np.eye(3, dtype=np.float32) * np.float32(8.0),
        },
    )


def autoencoder_graph(side: int = 8) -> bytes:
    """The code is the mean colour, the reconstruction a picture of that colour; uint8 NHWC."""
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        node("ReduceMean", ["floats", "height_width"], ["levels"], keepdims=1),
        node("Shape", ["floats"], ["shape"]),
        node("Expand", ["levels", "shape"], ["reconstruction"]),
        node("Div", ["levels", "white"], ["scaled"]),
        node("Squeeze", ["scaled", "height_width"], ["embedding"]),
        node("Sub", ["floats", "reconstruction"], ["off"]),
        node("Div", ["off", "white"], ["share"]),
        node("ReduceSumSquare", ["share", "all"], ["reconstruction_error"], keepdims=0),
        node("Tanh", ["reconstruction_error"], ["novelty"]),
    ]
    return make_graph(
        nodes,
        [tensor("image", TensorProto.UINT8, ["batch", side, side, 3])],
        [
            tensor("reconstruction", TensorProto.FLOAT, ["batch", side, side, 3]),
            tensor("reconstruction_error", TensorProto.FLOAT, ["batch"]),
            tensor("novelty", TensorProto.FLOAT, ["batch"]),
            tensor("embedding", TensorProto.FLOAT, ["batch", 3]),
        ],
        {
            "white": np.float32(255),
            "height_width": np.array([1, 2]),
            "all": np.array([1, 2, 3]),
        },
    )


def audio_graph(samples: int = 4000, *, explained: bool = False) -> bytes:
    """Loudness and mean step between neighbours → softmax; int16 PCM. Loud samples are salient."""
    node = helper.make_node
    nodes = [
        node("Cast", ["pcm"], ["floats"], to=TensorProto.FLOAT),
        node("Div", ["floats", "full"], ["signal"]),
        node("Slice", ["signal", "one", "end", "one"], ["later"]),
        node("Slice", ["signal", "zero", "end_less", "one"], ["earlier"]),
        node("Sub", ["later", "earlier"], ["steps"]),
        node("ReduceL1", ["steps", "one"], ["change"], keepdims=1),
        node("ReduceL1", ["signal", "one"], ["loudness"], keepdims=1),
        node("Concat", ["loudness", "change"], ["features"], axis=1),
        node("MatMul", ["features", "weights"], ["scores"]),
        node("Add", ["scores", "bias"], ["probabilities_logits"]),
        node("Softmax", ["probabilities_logits"], ["probabilities"], axis=1),
    ]
    outputs = [tensor("probabilities", TensorProto.FLOAT, ["batch", 3])]
    if explained:
        nodes += [
            node("Abs", ["signal"], ["level"]),
            node("Unsqueeze", ["level", "one"], ["band"]),
            node("AveragePool", ["band"], ["saliency"], kernel_shape=[400], strides=[400]),
        ]
        outputs.append(tensor("saliency", TensorProto.FLOAT, ["batch", 1, samples // 400]))
    scale = np.float32(20 / samples)
    return make_graph(
        nodes,
        [tensor("pcm", TensorProto.INT16, ["batch", samples])],
        outputs,
        {
            "full": np.float32(32768),
            "zero": np.array([0]),
            "one": np.array([1]),
            "end": np.array([samples]),
            "end_less": np.array([samples - 1]),
            "weights": np.array([[1, 0, -1], [-1, 1.5, -1]], dtype=np.float32) * scale,
            "bias": np.array([0, 0, 1], dtype=np.float32),
        },
    )

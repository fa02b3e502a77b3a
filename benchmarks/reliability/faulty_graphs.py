"""ONNX graphs that fail for some pictures: uint8 (batch, 8, 8, 3) → probabilities (batch, 2)."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_OPSET = helper.make_opsetid("", 18)
_FAULTS = helper.make_opsetid("fault", 1)
_FOREVER, _DEEP = 2**62, 20_000
_node = helper.make_node


def not_a_number() -> bytes:
    """Return a graph whose answer to a black picture is NaN: 0 × log 0."""
    nodes = [
        _node("Log", ["mean"], ["log"]),
        _node("Mul", ["log", "zero"], ["trouble"]),
        _node("Add", ["mean", "trouble"], ["first"]),
    ]
    return _graph(nodes, {"zero": np.float32(0)})


def failing() -> bytes:
    """Return a graph on which ONNX Runtime raises an error for a white picture: Gather past 1."""
    nodes = [
        _node("Mul", ["mean", "two"], ["doubled"]),
        _node("Cast", ["doubled"], ["index"], to=TensorProto.INT64),
        _node("Gather", ["table", "index"], ["first"], axis=0),
    ]
    return _graph(nodes, {"two": np.float32(2), "table": np.array([0.25, 0.75], np.float32)})


def endless(*, always: bool = False) -> bytes:
    """Return a graph that never ends for a black picture, or for any."""
    limit = np.float32(2 if always else 0.01)
    nodes = [
        _node("ReduceMin", ["mean"], ["darkest"], keepdims=0),
        _node("Less", ["darkest", "limit"], ["dark"]),
        _node("Where", ["dark", "forever", "once"], ["turns"]),
        _node("Loop", ["turns", "true", "mean"], ["first"], body=_turn()),
    ]
    constants: dict[str, np.ndarray | np.generic] = {
        "limit": limit,
        "forever": np.int64(_FOREVER),
        "once": np.int64(1),
        "true": np.array(True),
    }
    return _graph(nodes, constants)


def overflowing() -> bytes:
    """Return a graph of functions that call each other so deeply that the loader's stack ends."""
    functions = [
        helper.make_function(
            "fault",
            f"f{depth}",
            ["x"],
            ["y"],
            [
                _node(f"f{depth + 1}", ["x"], ["y"], domain="fault")
                if depth < _DEEP - 1
                else _node("Relu", ["x"], ["y"])
            ],
            [_OPSET, _FAULTS],
        )
        for depth in range(_DEEP)
    ]
    nodes = [_node("f0", ["mean"], ["first"], domain="fault")]
    return _graph(nodes, {}, functions)


def _turn() -> onnx.GraphProto:
    """Return the body of a loop: the value stays as it is."""
    value = helper.make_tensor_value_info
    return helper.make_graph(
        [_node("Add", ["v", "nothing"], ["w"]), _node("Identity", ["on"], ["still"])],
        "turn",
        [
            value("turn", TensorProto.INT64, []),
            value("on", TensorProto.BOOL, []),
            value("v", TensorProto.FLOAT, None),
        ],
        [value("still", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(np.float32(0)), "nothing")],
    )


def _graph(
    nodes: Sequence[onnx.NodeProto],
    constants: Mapping[str, np.ndarray | np.generic],
    functions: Sequence[onnx.FunctionProto] = (),
) -> bytes:
    """Return the graph in which `nodes` make `first` (batch, 1) of `mean`, the brightness 0..1."""
    before = [
        _node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        _node("Div", ["floats", "white"], ["scaled"]),
        _node("ReduceMean", ["scaled", "picture"], ["means"], keepdims=0),
        _node("Reshape", ["means", "column"], ["mean"]),
    ]
    after = [
        _node("Sub", ["one", "first"], ["second"]),
        _node("Concat", ["first", "second"], ["probabilities"], axis=1),
    ]
    all_constants = {
        **constants,
        "white": np.float32(255),
        "one": np.float32(1),
        "picture": np.array([1, 2, 3]),
        "column": np.array([-1, 1]),
    }
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [*before, *nodes, *after],
        "fault",
        [value("image", TensorProto.UINT8, ["batch", 8, 8, 3])],
        [value("probabilities", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in all_constants.items()],
    )
    opsets = [_OPSET, _FAULTS] if functions else [_OPSET]
    model = helper.make_model(graph, opset_imports=opsets, functions=functions, ir_version=9)
    return bytes(model.SerializeToString())

"""Graphs as others export them: external data, metadata, several outputs, free axes."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

COLOURS = {"red": (250, 10, 20), "green": (10, 240, 30), "blue": (5, 15, 235)}
WEIGHTS = np.eye(3, dtype=np.float32) * 4


def colour_graph(
    *,
    last: str = "",
    metadata: Mapping[str, str] | None = None,
    side: int | str = 8,
    batch: int | str = "N",
    before: bool = False,
    sizes: int | str = 3,
) -> onnx.ModelProto:
    """NCHW floats from 0 to 1 → mean colour → a score for each of red, green and blue.

    last: the operator after the linear layer. side: of the picture. before: another output, of four
    numbers, comes before the scores. sizes: the declared number of scores.
    """
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["linear" if last else "scores"]),
    ]
    if last:
        nodes.append(helper.make_node(last, ["linear"], ["scores"]))
    outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, sizes])]
    if before:
        nodes.append(helper.make_node("MatMul", ["colour", "wide"], ["boxes"]))
        outputs.insert(0, helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [batch, 4]))
    constants = {
        "axes": np.array([2, 3]),
        "weights": WEIGHTS,
        **({"wide": np.ones((3, 4), np.float32)} if before else {}),
    }
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [batch, 3, side, side])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    for key, value in (metadata or {}).items():
        model.metadata_props.add(key=key, value=value)
    return model


def outside(model: onnx.ModelProto, location: str, names: Sequence[str] = ("weights",)) -> bytes:
    """Move weights to external data at `location`; return the content of that file."""
    data = b""
    for tensor in model.graph.initializer:
        if tensor.name in names:
            data += bytes(-len(data) % 64)
            entries = {"location": location, "offset": len(data), "length": len(tensor.raw_data)}
            data += tensor.raw_data
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=str(value))
    return data

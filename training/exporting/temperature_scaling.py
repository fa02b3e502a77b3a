"""Another temperature for a published graph that ends in probabilities.

The graph's softmax(logits / t) becomes softmax(logits / (t × factor)). The ranking of the labels
stays, so no prediction changes. The nodes of trees get the same factor as the roots.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from app.bundle.tensors import NODES
from training.errors import TrainingError

_FACTOR = "temperature_factor"


def scale_temperature(model: bytes, output: str, factor: float) -> bytes:
    """Return the serialised graph with the logits of `output` divided by `factor`.

    Raises `TrainingError` where `output` does not come from a softmax.
    """
    proto = onnx.load_from_string(model)
    graph = proto.graph
    for name in sorted({output, NODES} & {value.name for value in graph.output}):
        softmax, number = _softmax(graph, name)
        weight = _free(f"{name}_{_FACTOR}", graph)
        graph.initializer.append(numpy_helper.from_array(np.array(factor, number), weight))
        divided = f"{weight}_applied"
        division = helper.make_node("Div", [softmax.input[0], weight], [divided], name=divided)
        graph.node.insert(list(graph.node).index(softmax), division)
        softmax.input[0] = divided
    return bytes(proto.SerializeToString(deterministic=True))


def _softmax(graph: onnx.GraphProto, output: str) -> tuple[onnx.NodeProto, type[np.floating]]:
    """Return the softmax that computes `output`, and its number type.

    A graph in float16 ends in a cast to float32 after the softmax.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    node = made_by.get(output)
    number: type[np.floating] = np.float32
    if node is not None and node.op_type == "Cast":
        node, number = made_by.get(node.input[0]), np.float16
    if node is None or node.op_type != "Softmax":
        raise TrainingError(f"the graph's {output!r} is no softmax, so it has no temperature")
    return node, number


def _free(name: str, graph: onnx.GraphProto) -> str:
    """Return a name that no weight has: the function may be applied to a graph repeatedly."""
    taken = {weight.name for weight in graph.initializer}
    return next(f"{name}_{n}" for n in range(1, len(taken) + 2) if f"{name}_{n}" not in taken)

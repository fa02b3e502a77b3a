"""Outputs that cost nothing until they are asked for.

ONNX Runtime computes all that a graph holds, whichever outputs are fetched. What only one output
needs is therefore moved into a branch (`If`), which is taken when the input `explain` is fed
with true. It has a default, false, so that nothing needs to feed it.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.engine.session import EXPLAIN


def put_on_demand(model: onnx.ModelProto, output: str, rank: int) -> None:
    """Move what only `output`, float32 of so many axes, needs into a branch.

    Not asked for, it is (batch, 0, …): a gather of nothing from the graph's first output.
    """
    graph = model.graph
    others = {value.name for value in graph.output} - {output}
    kept, moved = [], []
    for node in reversed(graph.node):
        if others.intersection(node.output):
            others.update(node.input)
            kept.append(node)
        else:
            moved.append(node)
    asked, unasked, nothing = (f"{output}_{part}" for part in ("asked", "unasked", "nothing"))
    for node in moved:
        node.output[:] = [asked if name == output else name for name in node.output]
    empty = numpy_helper.from_array(np.zeros((0,) * (rank - 1), dtype=np.int64))
    rest = [
        helper.make_node("Constant", [], [nothing], value=empty),
        helper.make_node("Gather", [graph.output[0].name, nothing], [unasked], axis=1),
    ]
    branches = {
        "then_branch": _branch("asked", moved[::-1], asked),
        "else_branch": _branch("unasked", rest, unasked),
    }
    kept = [*kept[::-1], helper.make_node("If", [EXPLAIN], [output], name=EXPLAIN, **branches)]
    del graph.node[:]
    graph.node.extend(kept)
    graph.input.append(helper.make_tensor_value_info(EXPLAIN, TensorProto.BOOL, []))
    graph.initializer.append(numpy_helper.from_array(np.array(False), EXPLAIN))


def _branch(name: str, nodes: list[onnx.NodeProto], output: str) -> onnx.GraphProto:
    value = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    return helper.make_graph(nodes, name, [], [value])

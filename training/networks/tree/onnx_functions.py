"""Custom operators of exported graphs, as ONNX functions that each graph contains.

onnxscript compiles the Python below to ONNX; the loop over the levels becomes a `Loop`. The names
are part of published graphs.
"""

from onnxscript import opset20 as op
from onnxscript import script, values

DOMAIN = "thalamus"
_END = 9223372036854775807


@script(values.Opset(DOMAIN, 1), default_opset=op)
def TreeLSTM(leaves, pairs, levels, weight, bias):  # type: ignore[no-untyped-def]  # noqa: N802
    """Do what `tree_lstm.climb` does; the same arguments, the same answer."""
    # The exporter writes the docstring and the names of the values into the graph. They stay as
    # they are in published graphs: `climb` was the name of `tree_lstm.propagate`.
    first = op.Constant(value_ints=[0])
    second = op.Constant(value_ints=[1])
    starts = op.Slice(levels, first, op.Constant(value_ints=[-1]), first)
    ends = op.Slice(levels, second, op.Constant(value_ints=[_END]), first)
    states = leaves
    for level in range(op.Size(ends)):
        here = op.Reshape(level, second)
        rows = op.Slice(pairs, op.Gather(starts, here), op.Gather(ends, here), first)
        hidden, memory = op.Split(op.Gather(states, rows, axis=0), axis=2, num_outputs=2)
        gates = op.Gemm(op.Flatten(hidden, axis=1), weight, bias)
        taken, left, right, shown, new = op.Split(gates, axis=1, num_outputs=5)
        from_left, from_right = op.Split(memory, axis=1, num_outputs=2)
        c = (
            op.Sigmoid(taken) * op.Tanh(new)
            + op.Sigmoid(left) * op.Squeeze(from_left, second)
            + op.Sigmoid(right) * op.Squeeze(from_right, second)
        )
        states = op.Concat(states, op.Concat(op.Sigmoid(shown) * op.Tanh(c), c, axis=1), axis=0)
    return states


FUNCTIONS = {"TreeLSTM": TreeLSTM}

"""The tensors of a graph: what it takes, what it gives, and which outputs are optional."""

from collections.abc import Sequence
from typing import Any

from app.bundle.tensors import EXPLAIN, FOREST, SALIENCY, DType, TensorSpec, size_of
from app.errors import InvalidBundle

_ONNX_TYPES: dict[DType, str] = {
    "uint8": "tensor(uint8)",
    "int16": "tensor(int16)",
    "int64": "tensor(int64)",
    "float32": "tensor(float)",
}


class Signature:
    """The inputs and outputs of the graph of one ONNX Runtime session.

    outputs: the names of all outputs, in the graph's order. default_outputs: those that are
    fetched unless an explanation is asked for. explainable: whether the graph has the input
    `EXPLAIN`, which switches the output `SALIENCY` on.
    """

    def __init__(self, session: Any) -> None:
        self._inputs, self._outputs = session.get_inputs(), session.get_outputs()
        optional = session.get_overridable_initializers()  # inputs with a default value
        self.explainable = any(value.name == EXPLAIN for value in optional)
        self.outputs = [output.name for output in self._outputs]
        # Fetching an output costs a microsecond, even where it is empty.
        empty = SALIENCY if self.explainable else None
        self.default_outputs = [name for name in self.outputs if name != empty]

    def check(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Raise `InvalidBundle` unless the graph's tensors are those of the manifest."""
        for specs, nodes in ((inputs, self._inputs), (outputs, self._outputs)):
            declared = {spec.name: (_ONNX_TYPES[spec.dtype], _sizes(spec.shape)) for spec in specs}
            actual = {node.name: (node.type, _sizes(node.shape)) for node in nodes}
            if declared != actual:
                raise InvalidBundle(f"the manifest says {declared}, the graph has {actual}")

    def tensors(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return the inputs and the outputs.

        Raises `InvalidBundle` for a dtype that bundles do not know and for a fixed batch axis.
        """
        inputs = tuple(_spec(node) for node in self._inputs)
        return inputs, tuple(_spec(node) for node in self._outputs)

    def has_fixed_inputs(self) -> bool:
        """Say whether the batch axis is the only dynamic axis of the inputs."""
        return not self._takes_forests() and size_of(self.tensors()[0]) is None

    def has_fixed_outputs(self) -> bool:
        """Say whether the batch axis is the only dynamic axis of the outputs."""
        return not self.explainable and size_of(self.tensors()[1]) is None

    def _takes_forests(self) -> bool:
        """Say whether the inputs are joined trees: these have several dynamic axes of their own."""
        return any(node.shape[0] in FOREST for node in self._inputs if node.shape)


def _spec(node: Any) -> TensorSpec:
    names = {onnx_type: name for name, onnx_type in _ONNX_TYPES.items()}
    if node.type not in names:
        raise InvalidBundle(f"{node.name!r} is {node.type}; taken are {', '.join(names)}")
    if not node.shape or isinstance(node.shape[0], int):
        raise InvalidBundle(f"{node.name!r} has a fixed first axis; export with a free batch axis")
    shape = ("batch", *(size if size else "free" for size in node.shape[1:]))
    return TensorSpec(name=node.name, dtype=names[node.type], shape=shape)


def _sizes(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """Return the fixed sizes of a shape, None where an axis is dynamic."""
    return tuple(size if isinstance(size, int) else None for size in shape)

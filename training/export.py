"""torch → one ONNX graph that ends in calibrated probabilities, proved equal to torch."""

import logging
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from app.bundle import TensorSpec
from app.engine.collate import is_forest
from app.engine.session import Session
from training.data.encode import Examples
from training.errors import TrainingError
from training.networks.onnx_functions import DOMAIN, FUNCTIONS

logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, we do not

OPSET = 20
TOLERANCE = 1e-4  # of a probability, torch against ONNX Runtime
OUTPUT, NODES = "probabilities", "nodes"


class Servable(nn.Module):
    """A network, its temperature and softmax: what the service runs."""

    def __init__(self, network: nn.Module, temperature: float = 1.0) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return probabilities, float32 (batch, labels)."""
        return torch.softmax(self.network(*inputs) / self.temperature, dim=1)


class ServableForest(Servable):
    """The same for a network over trees, which answers for every node as well."""

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return probabilities, float32 (trees, labels) and (nodes, labels)."""
        *forest, roots = inputs
        logits = self.network.nodes(*forest)  # type: ignore[operator]
        nodes = torch.softmax(logits / self.temperature, dim=1)
        return nodes[roots], nodes


def servable(network: nn.Module, temperature: float, inputs: Sequence[TensorSpec]) -> Servable:
    """Return what the service is to run."""
    return (ServableForest if is_forest(inputs) else Servable)(network, temperature)


def output_spec(labels: int, inputs: Sequence[TensorSpec] = ()) -> tuple[TensorSpec, ...]:
    """Return what a `Servable` of these inputs gives."""
    answers = TensorSpec(name=OUTPUT, dtype="float32", shape=("batch", labels))
    nodes = TensorSpec(name=NODES, dtype="float32", shape=("node", labels))
    return (answers, nodes) if is_forest(inputs) else (answers,)


def export(servable: Servable, inputs: Sequence[TensorSpec], example: Sequence[Tensor]) -> bytes:
    """Return the serialised graph; every named axis of `inputs` is free in it.

    Raises `TrainingError` when the exporter fixed an axis that should vary.
    """
    servable.eval()
    free = [
        {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if _named(size)}
        for spec in inputs
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                servable,
                tuple(_widened(*pair) for pair in zip(example, inputs, strict=True)),
                dynamo=True,
                input_names=[spec.name for spec in inputs],
                output_names=[spec.name for spec in output_spec(0, inputs)],
                dynamic_shapes=(tuple(free),),
                opset_version=OPSET,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:  # with pages of advice on torch
            reason = str(error.__cause__ or error).strip().split("\n")[0]
            raise TrainingError(f"the network cannot be exported: {reason}") from error
    assert program is not None  # with dynamo=True there is always one
    model = program.model_proto
    _define(model)
    _strip(model)
    _name_axes(model, inputs)
    return bytes(model.SerializeToString(deterministic=True))


def check_parity(
    model: bytes, servable: Servable, examples: Examples, specs: Sequence[TensorSpec]
) -> float:
    """Return the largest difference of a probability between torch and ONNX Runtime.

    Tried on single items and on batches of sizes (and so paddings) that were not the
    exporter's example; raises `TrainingError` above `TOLERANCE`.
    """
    session = Session(model)
    outputs = output_spec_of(model, specs)
    session.check(specs, outputs)
    worst = 0.0
    for indices in (
        [0],
        [len(examples) - 1],
        list(range(min(7, len(examples)))),
        list(range(min(33, len(examples)))),
    ):
        arrays, _ = examples.batch(indices)
        with torch.no_grad():
            answers = servable(*(torch.from_numpy(array) for array in arrays))
        expected = answers if isinstance(answers, tuple) else (answers,)
        feeds = {spec.name: array for spec, array in zip(specs, arrays, strict=True)}
        actual = session.run(feeds)
        for spec, tensor in zip(outputs, expected, strict=True):
            difference = np.abs(tensor.numpy() - actual[spec.name]).max()
            worst = float(np.maximum(worst, difference))  # NaN stays NaN
    if not worst <= TOLERANCE:
        raise TrainingError(f"ONNX Runtime and torch differ by {worst:.2g}; nothing is published")
    return worst


def output_spec_of(model: bytes, inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the spec of a graph that `export` wrote."""
    output = onnx.load_from_string(model).graph.output[0]
    return output_spec(output.type.tensor_type.shape.dim[1].dim_value, inputs)


def _named(size: int | str) -> bool:
    return isinstance(size, str)


def _widened(array: Tensor, spec: TensorSpec) -> Tensor:
    """Pad free axes of size 1 with zeros to 2: the exporter would take them for fixed."""
    for axis, size in enumerate(spec.shape):
        if axis and _named(size) and array.shape[axis] == 1:
            array = torch.cat([array, torch.zeros_like(array)], dim=axis)
    return array


def _define(model: onnx.ModelProto) -> None:
    """Add what the graph uses of our own operators."""
    used = {node.op_type for node in model.graph.node if node.domain == DOMAIN}
    model.functions.extend(FUNCTIONS[name].to_function_proto() for name in sorted(used))


def _strip(model: onnx.ModelProto) -> None:
    """Drop what only tells of the exporting machine: stack traces, shapes of the example."""
    del model.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = ""
    for part in (model.graph, *model.functions):
        del part.metadata_props[:]
        for node in part.node:
            del node.metadata_props[:]
            node.doc_string = ""
    for value in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        del value.metadata_props[:]
        value.doc_string = ""


def _name_axes(model: onnx.ModelProto, inputs: Sequence[TensorSpec]) -> None:
    """Give the free axes their names; raise `TrainingError` where the exporter fixed one."""
    for spec, value in zip(inputs, model.graph.input, strict=True):
        for size, dim in zip(spec.shape, value.type.tensor_type.shape.dim, strict=True):
            if isinstance(size, str):
                if dim.HasField("dim_value"):
                    raise TrainingError(f"the exporter fixed {size!r} of {spec.name!r}")
                dim.dim_param = size
    for spec, value in zip(output_spec(0, inputs), model.graph.output, strict=True):
        first = value.type.tensor_type.shape.dim[0]
        if first.HasField("dim_value"):
            raise TrainingError(f"the exporter fixed the first axis of {spec.name!r}")
        first.dim_param = str(spec.shape[0])

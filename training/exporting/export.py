"""A torch network → one ONNX graph that ends in calibrated probabilities.

`check_parity` proves that the graph and torch compute the same. The graph holds no trace of the
machine that exported it, and the same network gives the same bytes.
"""

import logging
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from app.bundle import Measurement
from app.bundle.tensors import (
    EMBEDDING,
    LOG_PROBABILITIES,
    NEXT_STATE,
    NODES,
    NOVELTY,
    PROBABILITIES,
    SALIENCY,
    TensorSpec,
)
from app.runtime.session import Session
from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.graph import GraphRunner
from training.exporting.optional_outputs import make_optional
from training.networks.convolutional.detector import NoveltyDetector
from training.networks.network import ReadableNetwork
from training.networks.tree.onnx_functions import DOMAIN, FUNCTIONS

logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns that torchvision is missing

OPSET = 20
TOLERANCE = 1e-4  # of a probability, torch against ONNX Runtime
SALIENCY_TOLERANCE = 1e-3  # on the mean over an item: a ReLU may switch in one of the two only
_MARK = "output "  # before the name of an output during the export


class Servable(nn.Module):
    """The module that is exported: a network, its temperature and softmax, and further outputs.

    novelty: a module that is fitted after the training. It maps the features of a `ModelOutput`,
    (batch, d), and its logits before the temperature, (batch, labels), to novelty, (batch,) in
    0..1. node_temperature: of a tree's nodes below the root; None: the temperature of the root.
    """

    def __init__(
        self,
        network: nn.Module,
        temperature: float = 1.0,
        novelty: nn.Module | None = None,
        node_temperature: float | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.novelty = novelty
        self.node_temperature = node_temperature

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the values of `outputs`, in their order."""
        return tuple(self.outputs(*inputs).values())

    def outputs(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name, all float32.

        probabilities (batch, labels). embedding (batch, d). saliency, ≥ 0: the positive part of
        `ModelOutput.attribution` for the predicted label, in its shape. novelty (batch,), where it
        was fitted. nodes (nodes, labels): the probabilities of all nodes of trees. A network that
        is no `ReadableNetwork` has probabilities only.
        """
        if not isinstance(self.network, ReadableNetwork):
            return {PROBABILITIES: self._probabilities(self.network(*inputs))}
        output = self.network.read(*inputs)
        found = {PROBABILITIES: self._probabilities(output.logits), EMBEDDING: output.embedding}
        if output.attribution is not None:
            found[SALIENCY] = torch.relu(output.attribution(output.logits.argmax(1)))
        if self.novelty is not None:
            found[NOVELTY] = self.novelty(output.features, output.logits)
        if output.nodes is not None:
            found[NODES] = self._node_probabilities(output.nodes, roots=inputs[-1])
        return found

    def _probabilities(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits / self.temperature, dim=1)

    def _node_probabilities(self, logits: Tensor, roots: Tensor) -> Tensor:
        """Return the nodes' probabilities; a root has those of its tree."""
        if self.node_temperature is None:
            return self._probabilities(logits)
        every = logits.new_full((logits.shape[0], 1), self.node_temperature)
        return torch.softmax(logits / every.index_fill(0, roots, self.temperature), dim=1)


class ServableLanguageModel(Servable):
    """The module that is exported of a language model: one step, which predicts the next word."""

    def outputs(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Return `log_probabilities` (batch, vocabulary) and `next_state` (batch, state), float32.

        inputs: tokens, lengths and the state, see `app.bundle.WordsSpec`.
        """
        log_probabilities, state = self.network.step(*inputs)  # type: ignore[operator]
        return {LOG_PROBABILITIES: log_probabilities, NEXT_STATE: state}


# A module whose method `outputs` names the graph's outputs.
Exportable = Servable | NoveltyDetector


def export(
    servable: Exportable,
    inputs: Sequence[TensorSpec],
    example: Sequence[Tensor],
    saliency_axes: Sequence[str] = (),
) -> bytes:
    """Return the serialised graph, in which every named axis of `inputs` is dynamic.

    example: one tensor for each input, a batch of at least two items. saliency_axes: the names of
    the axes of saliency after the batch, where the network computes saliency. Raises
    `TrainingError` when the network cannot be exported, or when the exporter fixed an axis that
    should be dynamic.
    """
    servable.eval()
    free = [
        {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(spec.shape) if _named(size)}
        for spec in inputs
    ]
    arrays = tuple(_pad_to_two(*pair) for pair in zip(example, inputs, strict=True))
    with torch.no_grad():
        expected = servable.outputs(*arrays)
    names = list(expected)
    model = _exported(
        servable,
        arrays,
        input_names=[spec.name for spec in inputs],
        output_names=[_MARK + name for name in names],
        dynamic_shapes=(tuple(free),),
    )
    _add_functions(model)
    _strip(model)
    _name_outputs(model, names)
    _name_axes(model, inputs, saliency_axes)
    if SALIENCY in names:
        make_optional(model, SALIENCY, expected[SALIENCY].ndim)
    return bytes(model.SerializeToString(deterministic=True))


def _exported(servable: Exportable, arrays: tuple[Tensor, ...], **names: Any) -> onnx.ModelProto:
    """Return what torch's exporter makes; raise `TrainingError` when it fails."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.onnx.export(
                servable,
                arrays,
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                verbose=False,
                **names,
            )
        except torch.onnx.OnnxExporterError as error:  # its message has pages of advice on torch
            reason = str(error.__cause__ or error).strip().split("\n")[0]
            raise TrainingError(f"the network cannot be exported: {reason}") from error
    assert program is not None  # with dynamo=True there is always one
    return program.model_proto


def check_parity(
    model: bytes, servable: Exportable, examples: Examples, specs: Sequence[TensorSpec]
) -> float:
    """Return the largest difference of an output between torch and ONNX Runtime.

    It compares single items and batches whose sizes, and so paddings, differ from the exporter's
    example. The difference of an output is divided by the output's largest value where that is
    above 1. For saliency it is the mean over an item, because a ReLU close to 0 may switch in one
    of the two only, and its gradient with it. Raises `TrainingError` where a difference is above
    `TOLERANCE`, or above `SALIENCY_TOLERANCE`.
    """
    session = Session(model)
    session.check(specs, output_specs(model, specs))
    runner, worst = GraphRunner(session, specs), 0.0
    for indices in (
        [0],
        [len(examples) - 1],
        list(range(min(7, len(examples)))),
        list(range(min(33, len(examples)))),
    ):
        arrays, _ = examples.batch(indices)
        with torch.no_grad():
            expected = servable.outputs(*(torch.from_numpy(array) for array in arrays))
        items = [examples.items[i] for i in indices]
        actual = runner.run(items, list(expected), batch_size=len(items), explain=True)
        for name, tensor in expected.items():
            saliency = name == SALIENCY
            difference = _difference(tensor.numpy(), actual[name], on_average=saliency)
            limit = SALIENCY_TOLERANCE if saliency else TOLERANCE
            if not difference <= limit:  # true for NaN as well
                problem = f"ONNX Runtime and torch differ by {difference:.2g} in {name!r}"
                raise TrainingError(f"{problem}; nothing is published")
            worst = max(worst, difference)
    return worst


def parity(difference: float, split: str, samples: int) -> Measurement:
    """Return the result of `check_parity` as a figure for the manifest."""
    name = "largest difference torch to ONNX Runtime"
    return Measurement(name=name, value=difference, split=split, samples=samples)


def _difference(expected: np.ndarray, actual: np.ndarray, *, on_average: bool) -> float:
    if expected.shape != actual.shape:
        return float("inf")
    gaps = np.abs(expected - actual).reshape(len(expected), -1)
    gap = (gaps.mean(axis=1) if on_average else gaps).max()
    return float(gap / np.maximum(np.abs(expected).max(), 1.0))


def output_specs(model: bytes, inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the outputs of a graph that `export` wrote, as the manifest names them."""
    return tuple(
        TensorSpec(
            name=value.name,
            dtype="float32",
            shape=tuple(dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim),
        )
        for value in onnx.load_from_string(model).graph.output
    )


def _named(size: int | str) -> bool:
    return isinstance(size, str)


def _pad_to_two(array: Tensor, spec: TensorSpec) -> Tensor:
    """Pad dynamic axes of size 1 with zeros to 2: the exporter takes a size of 1 for fixed."""
    for axis, size in enumerate(spec.shape):
        if axis and _named(size) and array.shape[axis] == 1:
            array = torch.cat([array, torch.zeros_like(array)], dim=axis)
    return array


def _add_functions(model: onnx.ModelProto) -> None:
    """Add the ONNX functions of the custom operators that the graph uses."""
    used = {node.op_type for node in model.graph.node if node.domain == DOMAIN}
    model.functions.extend(FUNCTIONS[name].to_function_proto() for name in sorted(used))


def _strip(model: onnx.ModelProto) -> None:
    """Remove stack traces of the exporting machine, and the shapes of the example."""
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


def _name_outputs(model: onnx.ModelProto, names: Sequence[str]) -> None:
    """Give the outputs their names; an inner value of the same name gets another one."""
    new = {_MARK + name: name for name in names} | {name: f"{name}_within" for name in names}
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [new.get(value, value) for value in values]
    for value in (*model.graph.output, *model.graph.initializer):  # folded nodes become these
        value.name = new.get(value.name, value.name)


def _name_axes(
    model: onnx.ModelProto, inputs: Sequence[TensorSpec], saliency_axes: Sequence[str]
) -> None:
    """Give the dynamic axes their names; raise `TrainingError` where the exporter fixed one."""
    for spec, value in zip(inputs, model.graph.input, strict=True):
        for size, dim in zip(spec.shape, value.type.tensor_type.shape.dim, strict=True):
            if isinstance(size, str):
                if dim.HasField("dim_value"):
                    raise TrainingError(f"the exporter fixed {size!r} of {spec.name!r}")
                dim.dim_param = size
    for value in model.graph.output:
        first, *others = value.type.tensor_type.shape.dim
        if first.HasField("dim_value"):
            raise TrainingError(f"the exporter fixed the first axis of {value.name!r}")
        first.dim_param = "node" if value.name == NODES else "batch"
        if value.name == SALIENCY:  # its axes have size 0 where the caller does not ask for it
            for dim, axis in zip(others, saliency_axes, strict=True):
                dim.dim_param = axis

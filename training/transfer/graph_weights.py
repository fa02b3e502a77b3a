"""The weights of a published graph, loaded into the torch network that it was exported from.

The exporter keeps the names of most weights. Four rules unfold what it folds: a batch
normalisation within the convolution before it, a linear layer's weight transposed to a factor of
a product, an LSTM's gates in ONNX's order, and a Tree-LSTM's weights that are stored together with
those of the units that count. A weight that none of them finds is an error. The caller checks
that the network then gives the published answers.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.errors import TrainingError
from training.networks.recurrent.classifier import MaskedLSTM
from training.networks.tree.tree_lstm import TreeLSTM
from training.transfer.copy_weights import resize_embeddings

Module = TypeVar("Module", bound=nn.Module)
_PREFIX = "network."  # of the weights of the network in the exported module
_TORCH_GATES = (0, 2, 3, 1)  # i, f, g, o among ONNX's i, o, f, c
_COUNTER = "num_batches_tracked"  # of a batch normalisation; no output depends on it


def load_graph_weights(network: nn.Module, model: bytes) -> None:
    """Load the weights of the serialised graph into `network`.

    The vocabulary of the network's embeddings becomes that of the graph, and float16 weights get
    the network's dtype. Raises `TrainingError` where a weight is missing or has another shape.
    """
    graph = onnx.load_from_string(model).graph
    found = {
        value.name.removeprefix(_PREFIX): torch.from_numpy(numpy_helper.to_array(value).copy())
        for value in graph.initializer
    }
    found |= _norms(network, found) | _factors(graph, found) | _recurrent(network, graph, found)
    found |= _tree_lstms(network, graph, found)
    resize_embeddings(network, found)
    wanted = network.state_dict()
    for name, weight in wanted.items():
        if name.endswith(_COUNTER):
            found[name] = weight
        elif name not in found:
            raise TrainingError(f"the graph holds no weight {name!r} of the network")
        elif found[name].shape != weight.shape:
            shapes = f"{tuple(found[name].shape)}, the network's {tuple(weight.shape)}"
            raise TrainingError(f"the graph's {name!r} has the shape {shapes}")
    network.load_state_dict({name: found[name] for name in wanted})


def _norms(network: nn.Module, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a batch normalisation that only adds, for each that was folded into a convolution."""
    parts: dict[str, Tensor] = {}
    folded: Tensor | None = None
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            folded = found.get(f"{name}.weight_bias")
        elif isinstance(module, nn.BatchNorm2d) and folded is not None:
            ones = torch.ones_like(folded)
            parts |= {
                f"{name}.weight": ones * (1 + module.eps) ** 0.5,
                f"{name}.bias": folded,
                f"{name}.running_mean": 0 * ones,
                f"{name}.running_var": ones,
            }
            folded = None
    return parts


def _factors(graph: onnx.GraphProto, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of linear layers, found by the biases that are added to the products."""
    factors = {node.output[0]: node.input[1] for node in graph.node if node.op_type == "MatMul"}
    parts = {}
    for node in graph.node:
        biases = [name for name in node.input if name.endswith(".bias")]
        products = [name for name in node.input if factors.get(name) in found]
        if node.op_type == "Add" and biases and products:
            layer = biases[0].removeprefix(_PREFIX).removesuffix(".bias")
            parts[f"{layer}.weight"] = found[factors[products[0]]].T.contiguous()
    return parts


def _recurrent(
    network: nn.Module, graph: onnx.GraphProto, found: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights of the recurrent layers, in the order in which the graph computes them."""
    parts: dict[str, Tensor] = {}
    for name, _, node in _computed(network, MaskedLSTM, graph, "LSTM"):
        weight, recurrent, bias = (found[value.removeprefix(_PREFIX)] for value in node.input[1:4])
        for direction, cell in enumerate(("ahead", "back")):
            both = bias[direction].chunk(2)
            for kind, gates in (
                ("weight_ih_l0", weight[direction]),
                ("weight_hh_l0", recurrent[direction]),
                ("bias_ih_l0", both[0]),
                ("bias_hh_l0", both[1]),
            ):
                ordered = np.split(gates.numpy(), 4)
                whole = np.concatenate([ordered[gate] for gate in _TORCH_GATES])
                parts[f"{name}.{cell}.{kind}"] = torch.from_numpy(whole)
    return parts


def _tree_lstms(
    network: nn.Module, graph: onnx.GraphProto, found: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the weights of Tree-LSTMs, in the order of the graph, without the counting units'.

    The graph always has one bias for both kinds of units; it has one weight for both only where
    the weight is so small that the exporter folded it too.
    """
    parts: dict[str, Tensor] = {}
    for name, cell, node in _computed(network, TreeLSTM, graph, "TreeLSTM"):
        own, place = cell.hidden, f"{name}." if name else ""
        weight, bias = (found.get(value) for value in node.input[3:5])
        if bias is not None:
            parts[f"{place}bias"] = bias.view(5, -1)[:, :own].flatten()
        if weight is not None and bias is not None:
            both = weight.view(2, len(bias) // 5, 5, -1)
            parts[f"{place}weight"] = both[:, :own, :, :own].reshape(2 * own, 5 * own)
    return parts


def _computed(
    network: nn.Module, kind: type[Module], graph: onnx.GraphProto, operator: str
) -> list[tuple[str, Module, onnx.NodeProto]]:
    """Return the layers of a kind by name, each with the node that computes it, in order."""
    layers = [(name, m) for name, m in network.named_modules() if isinstance(m, kind)]
    nodes = [node for node in graph.node if node.op_type == operator]
    return [(name, m, node) for (name, m), node in zip(layers, nodes, strict=False)]

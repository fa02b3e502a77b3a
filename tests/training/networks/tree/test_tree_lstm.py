"""Three ways to one answer: level by level, by plain recursion, and the exported graph."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from app.batching.collate import collate
from app.batching.forest import join, node_places
from app.bundle.tensors import NODES, PROBABILITIES
from app.modalities.tree.spec import TreeSpec
from app.runtime.session import Session
from tests.training.samples import sample
from tests.trees import IDS, LISTS, forest
from training.data.encode import Examples
from training.exporting.export import Servable, check_parity, export
from training.networks.tree.tree_lstm import TreeLSTM, tree_cell

FORESTS = [forest(text) for text in LISTS]
SPECS = TreeSpec(notation="listops").tensors()


def network(**changes: float) -> TreeLSTM:
    torch.manual_seed(3)
    return TreeLSTM(table=nn.Embedding(len(IDS), 5), classes=4, hidden=6, **changes)


def tensors(arrays) -> list[Tensor]:
    return [torch.from_numpy(array) for array in collate([arrays], SPECS).values()]


def recursion(net: TreeLSTM, tokens, left, right, node: int) -> Tensor:
    """The state of a node, (1, 2 H), as the paper's formula says it: of its children's states."""
    if node < len(tokens):
        hidden, memory = net.leaf(net.embed(tokens[node : node + 1])).chunk(2, dim=1)
        return torch.cat([hidden.tanh(), memory], dim=1)
    children = [
        recursion(net, tokens, left, right, int(side[node - len(tokens)])) for side in (left, right)
    ]
    return tree_cell(torch.stack(children, 1), net.weight, net.bias)


@pytest.mark.parametrize("tree", FORESTS, ids=LISTS)
def test_tree_lstm_by_levels_equals_recursion(tree) -> None:
    net = network().eval()
    tokens, left, right, levels, roots = tensors(tree)
    with torch.no_grad():
        expected = net.head(recursion(net, tokens, left, right, int(roots))[:, : net.hidden])
        actual = net(tokens, left, right, levels, roots)
    assert torch.allclose(actual, expected, atol=1e-6)


def test_tree_lstm_gradients_equal_recursion() -> None:
    net, tree = network(), FORESTS[3]
    tokens, left, right, levels, roots = tensors(tree)
    logits = net.read(tokens, left, right, levels, roots).nodes
    logits[torch.arange(0, len(logits), 2)].square().sum().backward()
    actual = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    net.zero_grad()
    for node in range(0, len(logits), 2):
        state = recursion(net, tokens, left, right, node)
        net.head(state[:, : net.hidden]).square().sum().backward()
    assert len(actual) == 7
    for name, parameter in net.named_parameters():
        assert torch.allclose(actual[name], parameter.grad, atol=1e-4), name


def test_tree_lstm_batch_equals_single_trees() -> None:
    net = network().eval()
    with torch.no_grad():
        together = net(*tensors(join(FORESTS)))
        alone = torch.cat([net(*tensors(tree)) for tree in FORESTS])
    assert torch.allclose(together, alone, atol=1e-6)


def test_tree_lstm_returns_all_nodes_in_training() -> None:
    net, joined = network(), tensors(join(FORESTS))
    nodes = len(joined[0]) + len(joined[1])
    assert net(*joined).shape == (nodes, 4)


def examples() -> Examples:
    items = [FORESTS[i % len(FORESTS)] for i in range(40)]
    samples = [sample(str(i), "a") for i in range(len(items))]
    return Examples(items, np.zeros(len(items), dtype=np.int64), samples, SPECS)


@pytest.mark.slow
def test_the_graph_answers_as_torch() -> None:
    net = network()
    served = Servable(net, 1.3)
    model = export(served, SPECS, tensors(join(FORESTS[2:4])))
    assert check_parity(model, served, examples(), SPECS) < 1e-6
    graph = onnx.load_from_string(model)
    onnx.checker.check_model(graph, full_check=False)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.graph.input, *graph.graph.output)
    }
    assert shapes == {
        "tokens": ["leaf"],
        "left": ["inner"],
        "right": ["inner"],
        "levels": ["level"],
        "roots": ["batch"],
        "probabilities": ["batch", 4],
        "embedding": ["batch", 6],
        "nodes": ["node", 4],
    }
    for trace in (b"/work", b"site-packages", b"/home", b"/tmp", b".py", b"Traceback"):
        assert trace not in model


@pytest.mark.slow
def test_tree_lstm_graph_returns_all_nodes() -> None:
    served = Servable(network())
    session = Session(export(served, SPECS, tensors(join(FORESTS[2:4]))))
    together = session.run(join(FORESTS))
    rows = together[PROBABILITIES]
    for tree, places, row in zip(FORESTS, node_places(FORESTS), rows, strict=True):
        alone = session.run(join([tree]))
        assert np.allclose(alone[NODES], together[NODES][places], atol=1e-6)
        assert np.allclose(alone[PROBABILITIES][0], row, atol=1e-6)
        assert np.allclose(row.sum(), 1, atol=1e-5)

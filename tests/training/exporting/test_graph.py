"""One way to run a graph: neither the batch size nor the form of the answer changes a value."""

import numpy as np
import pytest
import torch

from app.batching.forest import join
from app.bundle.tensors import NODES, PROBABILITIES
from app.runtime.session import Session
from tests.training.networks.tree.test_tree_lstm import FORESTS, SPECS, examples, network, tensors
from tests.training.samples import SQUARE, Toy, squares
from training.exporting.export import Servable, export
from training.exporting.graph import GraphRunner, run_graph, run_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> bytes:
    torch.manual_seed(0)
    (images,), _ = squares(2, seed=0).batch([0, 1])
    return export(Servable(Toy()), SQUARE, [torch.from_numpy(images)])


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_batch_size_changes_nothing(model: bytes, batch_size: int):
    test = squares(7, seed=1)
    found = run_graph(model, test, [PROBABILITIES], batch_size=batch_size)
    assert list(found) == [PROBABILITIES]
    whole = Session(model).run({"image": np.stack([item["image"] for item in test.items])})
    np.testing.assert_allclose(found[PROBABILITIES], whole[PROBABILITIES], atol=1e-6)


def test_a_graph_with_other_input_names_is_fed_by_them():
    class Recorder:
        def run(self, arrays, *, explain=False):
            return {"scores": arrays["other"].sum(axis=(1, 2, 3))}

    test = squares(5, seed=1)
    runner = GraphRunner(Recorder(), SQUARE, ["other"])  # type: ignore[arg-type]
    sums = [item["image"].sum() for item in test.items]
    assert runner.run(test.items, ["scores"], batch_size=2)["scores"].tolist() == sums


def test_each_tree_gets_its_own_nodes_in_its_own_order():
    graph = export(Servable(network()), SPECS, tensors(join(FORESTS[2:4])))
    trees, session = examples(), Session(graph)
    found = GraphRunner(session, SPECS).run_each(trees.items, batch_size=3)
    for tree, answer in zip(trees.items, found, strict=True):
        alone = session.run(join([tree]))
        np.testing.assert_allclose(answer[NODES], alone[NODES], atol=1e-6)
        np.testing.assert_allclose(answer[PROBABILITIES], alone[PROBABILITIES][0], atol=1e-6)


def test_a_torch_network_is_run_in_evaluation_mode_and_may_compute_another_tensor():
    torch.manual_seed(0)
    test, toy = squares(5, seed=1), Toy().train()
    logits = run_network(toy, test, batch_size=2)
    assert not toy.training
    doubled = run_network(toy, test, lambda *inputs: 2 * toy(*inputs), batch_size=5)
    np.testing.assert_allclose(doubled, 2 * logits, atol=1e-6)

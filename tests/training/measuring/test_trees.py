"""Figures of tree models: nodes below the roots have a temperature of their own."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.batching.forest import join, node_places
from app.bundle.tensors import NODES, PROBABILITIES
from app.runtime.session import Session
from tests.training.networks.tree.test_tree_lstm import FORESTS, SPECS, examples, network, tensors
from training.data.encode import IGNORE_INDEX, Examples, root_node_targets
from training.exporting.export import Servable, check_parity, export
from training.measuring.calibration import softmax
from training.measuring.trees import node_figures, node_temperature

pytestmark = pytest.mark.slow

ROOTS, BELOW = 1.3, 0.6


def node_logits(trees: Examples) -> list[np.ndarray]:
    with torch.no_grad():
        nodes = network().eval().read(*tensors(join(trees.items))).nodes.numpy()
    return [nodes[places] for places in node_places(trees.items)]


def drawn(trees: Examples, temperature: float) -> Examples:
    """Each node's label is drawn as its logits at a temperature say; few of them have none."""
    rng, node_targets = np.random.default_rng(0), []
    for logits in node_logits(trees):
        labels = [rng.choice(len(row), p=row) for row in softmax(10 * logits, temperature)]
        node_targets.append(np.where(rng.random(len(labels)) < 0.1, IGNORE_INDEX, labels))
    return replace(trees, node_targets=node_targets)


def many() -> Examples:
    trees = examples()
    return trees.select([i % len(trees) for i in range(2000)])


def test_node_temperature_recovers_a_known_one() -> None:
    assert node_temperature(network(), drawn(many(), 4.0)) == pytest.approx(0.4, rel=0.1)


def test_no_node_temperature_without_node_labels() -> None:
    trees = examples()
    alone = replace(trees, node_targets=root_node_targets(trees))
    model = export(Servable(network()), SPECS, tensors(join(FORESTS[2:4])))
    for known in (trees, alone):
        assert node_temperature(network(), known) is None
        assert node_figures(model, known, "test") == []


def test_roots_and_inner_nodes_have_their_own_temperature() -> None:
    served, trees = Servable(network(), ROOTS, None, BELOW), examples()
    model = export(served, SPECS, tensors(join(FORESTS[2:4])))
    assert check_parity(model, served, trees, SPECS) < 1e-6
    together = Session(model).run(join(FORESTS))
    logits = node_logits(trees.select(range(len(FORESTS))))
    for tree, places, row, own in zip(
        FORESTS, node_places(FORESTS), together[PROBABILITIES], logits, strict=True
    ):
        nodes, root = together[NODES][places], tree["roots"][0]
        assert np.array_equal(nodes[root], row)
        assert np.allclose(row, softmax(own, ROOTS)[root], atol=1e-6)
        below = np.arange(len(nodes)) != root
        assert np.allclose(nodes[below], softmax(own, BELOW)[below], atol=1e-6)
        assert np.allclose(Session(model).run(join([tree]))[NODES], nodes, atol=1e-6)


def test_node_figures_count_nodes_below_the_root() -> None:
    trees = examples()
    predicted = [logits.argmax(1) for logits in node_logits(trees)]
    node_targets = [labels.copy() for labels in predicted]
    for labels, item in zip(node_targets, trees.items, strict=True):
        labels[item["roots"]] = -1  # a root is never right, and not counted
    model = export(Servable(network()), SPECS, tensors(join(FORESTS[2:4])))
    figures = node_figures(model, replace(trees, node_targets=node_targets), "dev")
    assert {figure.split for figure in figures} == {"dev"}
    assert {figure.samples for figure in figures} == {sum(map(len, predicted)) - len(trees)}
    assert {f.name: f.value for f in figures}["accuracy, nodes below the root"] == 1

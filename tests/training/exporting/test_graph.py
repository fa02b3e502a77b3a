"""One way to run a graph: neither the batch size nor the form of the answer changes a value."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.batching.forest import join
from app.bundle.tensors import NODES, PROBABILITIES
from app.runtime.session import Session
from tests.training.networks.tree.test_tree_lstm import FORESTS, SPECS, examples, network, tensors
from tests.training.samples import SENTENCE, SQUARE, Toy, sentences, squares
from training.data.encoded import in_memory
from training.exporting.export import Servable, export
from training.exporting.graph import GraphRunner, kept_order, run_graph, run_network
from training.exporting.known_outputs import known_outputs
from training.networks.recurrent.classifier import TextRecurrentNet

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


class Summing:
    """A session that adds up the tokens of each text, and keeps how much it was given."""

    def __init__(self) -> None:
        self.cells = 0

    def run(self, arrays, *, explain=False):
        self.cells += arrays["tokens"].size
        return {"sums": arrays["tokens"].sum(axis=1), "lengths": arrays["length"]}


@pytest.mark.parametrize("size", [1, 3, 64])
def test_items_of_any_lengths_have_their_answers_in_their_order(size: int):
    texts = sentences([3, 9, 1, 5, 200, 9, 2, 30], 20)
    sums = [int(item["tokens"].sum()) for item in texts.items]
    runner = GraphRunner(Summing(), SENTENCE)  # type: ignore[arg-type]
    found = runner.run(texts.items, ["sums", "lengths"], batch_size=size)
    assert found["sums"].tolist() == sums
    assert found["lengths"].tolist() == texts.lengths().tolist()
    each = runner.run_each(texts.items, batch_size=size)
    assert [int(answer["sums"]) for answer in each] == sums


def test_batches_of_similar_lengths_hold_less_padding():
    texts, sizes = sentences([1, 100] * 8, 20), []
    for kept in (False, True):
        session = Summing()
        with kept_order(kept):
            GraphRunner(session, SENTENCE).run(texts.items, ["sums"], batch_size=4)  # type: ignore[arg-type]
        sizes.append(session.cells)
    assert sizes == [8 * 101, 16 * 100]


def test_a_network_computes_the_same_in_batches_of_any_order():
    torch.manual_seed(0)
    network = TextRecurrentNet(vocabulary=20, classes=3, embedding=6, hidden=4)
    texts = sentences([int(n) for n in np.random.default_rng(0).integers(1, 60, 50)], 20)
    found = run_network(network, texts, batch_size=8)
    with kept_order():
        np.testing.assert_allclose(found, run_network(network, texts, batch_size=8), atol=1e-6)


def test_within_a_run_a_graph_computes_once(model: bytes):
    test = squares(7, seed=1)
    test = replace(test, items=in_memory({"image": test.batch(range(7))[0][0]}))
    with known_outputs():
        first = run_graph(model, test, [PROBABILITIES])[PROBABILITIES]
        assert run_graph(model, test, [PROBABILITIES])[PROBABILITIES] is first
        part = run_graph(model, test.select([2, 0]), [PROBABILITIES])[PROBABILITIES]
    np.testing.assert_allclose(part, first[[2, 0]], atol=1e-6)
    again = run_graph(model, test, [PROBABILITIES])[PROBABILITIES]
    assert again is not first and np.array_equal(again, first)

"""Counting along the climb: the counts and heights are right, and the answers stay as they are."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.bundle import TreeSpec
from app.engine.collate import collate
from app.engine.forest import join
from tests.training.samples import sample
from tests.trees import IDS, LISTS, forest
from training.data.encode import Examples
from training.exporting.export import NOVELTY, Servable, check_parity, export
from training.measuring.evaluate import outputs_of
from training.measuring.novelty import fit_novelty
from training.networks.recursive import TreeLSTM

FORESTS = [forest(text) for text in LISTS]
SPECS = TreeSpec(notation="listops").tensors()


def network(counted: int = len(IDS)) -> TreeLSTM:
    torch.manual_seed(3)
    table = nn.Embedding(len(IDS), 5)
    return TreeLSTM(table=table, classes=4, hidden=6, counted=counted).eval()


def tensors(arrays) -> list[Tensor]:
    return [torch.from_numpy(array) for array in collate([arrays], SPECS).values()]


@torch.no_grad()
def traits(arrays) -> np.ndarray:
    reading = network().read(*tensors(arrays))
    assert torch.equal(reading.features, reading.traits)
    return reading.traits.numpy()


@pytest.mark.parametrize("tree", FORESTS, ids=LISTS)
def test_words_are_counted_and_levels(tree) -> None:
    leaves = len(tree["tokens"])
    counts = np.bincount(tree["tokens"], minlength=len(IDS))
    height = len(tree["levels"]) - 1
    expected = np.asarray([*counts, height, 1]) / np.sqrt(leaves)
    np.testing.assert_allclose(traits(tree)[0], expected, rtol=1e-6)


def test_a_batchs_traits_are_its_trees_alone() -> None:
    alone = np.concatenate([traits(tree) for tree in FORESTS])
    np.testing.assert_allclose(traits(join(FORESTS)), alone, rtol=1e-6)


def test_counting_changes_no_answer() -> None:
    joined = tensors(join(FORESTS))
    with torch.no_grad():
        counting, plain = network().read(*joined), network(counted=0).read(*joined)
    assert plain.traits is None and torch.equal(plain.features, plain.embedding)
    for one, other in ((counting.nodes, plain.nodes), (counting.embedding, plain.embedding)):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def examples(texts: list[str]) -> Examples:
    samples = [sample(text, "a") for text in texts]
    targets = np.zeros(len(texts), dtype=np.int64)
    return Examples([forest(text) for text in texts], targets, samples, SPECS)


def lists(count: int, seed: int) -> list[str]:
    """Lists of two or three digits, some with another in them."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        digits = [str(digit) for digit in rng.integers(0, 10, rng.integers(2, 4))]
        if rng.random() < 0.5:
            digits[0] = f"[MIN {digits[1]} {digits[0]} ]"
        made.append(f"[MAX {' '.join(digits)} ]")
    return made


def test_the_graph_tells_trees_of_another_kind_alone_and_in_a_batch() -> None:
    known, net = examples(lists(400, 1)), network()
    head, score = fit_novelty(net, known, examples(lists(100, 2)))
    assert score is not None and score.method == "mahalanobis"
    served = Servable(net, 1.0, head)
    model = export(served, SPECS, tensors(join(FORESTS[2:4])))
    test = examples([*lists(30, 3), *LISTS])
    assert check_parity(model, served, test, SPECS) < 1e-4
    together = outputs_of(model, test, [NOVELTY])[0]
    alone = [outputs_of(model, test.select([i]), [NOVELTY])[0][0] for i in range(len(together))]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    nested = outputs_of(model, examples([LISTS[4]] * 2), [NOVELTY])[0]
    assert (together[:30] < 0.5).mean() > 0.9 and (nested > 0.5).all()

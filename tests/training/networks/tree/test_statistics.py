"""Counting along the climb: the counts and heights are right, and the answers stay as they are."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.batching.collate import collate
from app.batching.forest import join
from app.bundle.tensors import NOVELTY
from app.modalities.tree.binary_tree import BinaryTree
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import sample
from tests.trees import IDS, LISTS, forest
from training.data.encode import Examples
from training.exporting.export import Servable, check_parity, export
from training.exporting.graph import run_graph
from training.measuring.novelty import fit_novelty
from training.networks.tree.statistics import WordCounts, WordSum
from training.networks.tree.tree_lstm import TreeLSTM

FORESTS = [forest(text) for text in LISTS]
SPECS = TreeSpec(notation="listops").tensors()


COUNTED, POOLED = WordCounts(len(IDS)), WordSum()


def network(statistics: WordCounts | WordSum | None = COUNTED) -> TreeLSTM:
    torch.manual_seed(3)
    table = nn.Embedding(len(IDS), 5)
    return TreeLSTM(table=table, classes=4, hidden=6, statistics=statistics).eval()


def tensors(arrays) -> list[Tensor]:
    return [torch.from_numpy(array) for array in collate([arrays], SPECS).values()]


@torch.no_grad()
def ood_features(arrays) -> np.ndarray:
    output = network().read(*tensors(arrays))
    assert torch.equal(output.features, output.ood_features)
    return output.ood_features.numpy()


@pytest.mark.parametrize("tree", FORESTS, ids=LISTS)
def test_word_counts_and_heights(tree) -> None:
    leaves = len(tree["tokens"])
    counts = np.bincount(tree["tokens"], minlength=len(IDS))
    height = len(tree["levels"]) - 1
    expected = np.asarray([*counts, height, 1]) / np.sqrt(leaves)
    np.testing.assert_allclose(ood_features(tree)[0], expected, rtol=1e-6)


def test_tree_statistics_of_a_batch_equal_single_trees() -> None:
    alone = np.concatenate([ood_features(tree) for tree in FORESTS])
    np.testing.assert_allclose(ood_features(join(FORESTS)), alone, rtol=1e-6)


@pytest.mark.parametrize("kind", [COUNTED, POOLED], ids=["counted", "pooled"])
def test_tree_statistics_change_no_logits(kind: WordCounts | WordSum) -> None:
    joined = tensors(join(FORESTS))
    with torch.no_grad():
        telling, plain = network(kind).read(*joined), network(None).read(*joined)
    assert plain.ood_features is None and torch.equal(plain.features, plain.embedding)
    for one, other in ((telling.nodes, plain.nodes), (telling.embedding, plain.embedding)):
        assert one is not None and other is not None
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_word_sum_is_independent_of_the_tree() -> None:
    """Each tree's = its words' sum over the root of their number = that of another tree of them."""
    pooling = network(POOLED)
    left, right = BinaryTree(9, 9), BinaryTree(9, 9)
    for tree in (left, right):
        for word in ["1", "2", "3", "4"]:
            tree.leaf(word)
    left.join(left.join(left.join(0, 1), 2), 3)
    right.join(0, right.join(1, right.join(2, 3)))
    trees = [*FORESTS, *(tree.arrays(np.asarray([5, 9, 5, 7])) for tree in (left, right))]
    with torch.no_grad():
        actual = pooling.read(*tensors(join(trees))).ood_features
        for tree, pooled in zip(trees, actual, strict=True):
            words = pooling.embed(torch.from_numpy(tree["tokens"]))
            expected = words.sum(0) / len(words) ** 0.5
            torch.testing.assert_close(pooled, expected, rtol=1e-5, atol=1e-6)


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


@pytest.mark.slow
def test_novelty_of_other_trees_alone_and_in_a_batch() -> None:
    known, net = examples(lists(400, 1)), network()
    head, score = fit_novelty(net, known, examples(lists(100, 2)))
    assert score is not None and score.method == "mahalanobis"
    served = Servable(net, 1.0, head)
    model = export(served, SPECS, tensors(join(FORESTS[2:4])))
    test = examples([*lists(30, 3), *LISTS])
    assert check_parity(model, served, test, SPECS) < 1e-4
    together = run_graph(model, test, [NOVELTY])[NOVELTY]
    alone = [
        run_graph(model, test.select([i]), [NOVELTY])[NOVELTY][0] for i in range(len(together))
    ]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    nested = run_graph(model, examples([LISTS[4]] * 2), [NOVELTY])[NOVELTY]
    assert (together[:30] < 0.5).mean() > 0.9 and (nested > 0.5).all()


@pytest.mark.slow
def test_word_sum_separates_words_from_structure() -> None:
    """Fitted to shown lists of large digits, the graph calls them unlike lists of small ones."""
    small, large = (
        [f"[MAX {a} {b} ]" for a in digits for b in digits] for digits in ("0123", "6789")
    )
    known, net = examples(small * 8), network(POOLED)
    head, score = fit_novelty(net, known, known, [examples(large[:8] * 8)])
    assert score is not None
    served = Servable(net, 1.0, head)
    model = export(served, SPECS, tensors(join(FORESTS[2:4])))
    assert check_parity(model, served, examples([*small, *LISTS]), SPECS) < 1e-4
    nested = examples([f"[MIN [MAX 1 2 ] {digit} ]" for digit in "03"])
    actual = run_graph(model, examples(large[8:]), [NOVELTY])[NOVELTY]
    likely = np.concatenate(
        [run_graph(model, e, [NOVELTY])[NOVELTY] for e in (examples(small), nested)]
    )
    assert actual.min() > likely.max()

"""Words in their context below a tree: a batch = its trees, torch = ONNX, given trees = guessed."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor

from app.batching.collate import collate
from app.batching.forest import join, node_places
from app.bundle.tensors import NOVELTY, Arrays
from app.modalities import Payload, encoder_for
from app.modalities.tree.spec import TreeSpec
from tests.training.encoders import PIECES, SIZE, WORDS, contextual
from tests.training.samples import sample
from training.data.encode import Examples
from training.exporting.export import Servable, check_parity, export
from training.exporting.graph import run_graph
from training.fitting.fit import Schedule, parameter_groups
from training.measuring.novelty import fit_novelty
from training.networks.tree.contextual import roots_above
from training.networks.tree.statistics import WordSum

SPEC = TreeSpec(notation="ptb")
SPECS = SPEC.tensors()
TREES = (
    "(3 (2 1) (3 (3 (2 2) (3 3)) (2 4)))",
    "(2 5)",
    "(1 (1 (1 6) (1 (2 7) (2 8))) (2 (2 9) (2 (2 0) (1 (1 1) (2 2)))))",
)
TEXTS = ("1 2 3 4", "5", "6 7 8 9 0 1 2")
ENCODER = encoder_for(SPEC, {SPEC.vocabulary: ("\n".join(["", *WORDS[1:]]) + "\n").encode()})


def forest(text: str) -> Arrays:
    return ENCODER.encode(Payload(text.encode(), "text/plain")).arrays


FORESTS = [forest(text) for text in (*TREES, *TEXTS)]


def tensors(arrays: Arrays) -> list[Tensor]:
    return [torch.from_numpy(array) for array in collate([arrays], SPECS).values()]


def test_roots_above_leaves() -> None:
    tokens, left, right, _, roots = tensors(join(FORESTS))
    lengths = torch.tensor([len(tree["tokens"]) for tree in FORESTS])
    assert torch.equal(roots_above(tokens, left, right), roots.repeat_interleave(lengths))


def test_roots_above_leaves_of_the_deepest_tree() -> None:
    deep = tensors(forest("(2 " * 500 + "(2 1)" + " (2 2))" * 500))
    assert roots_above(*deep[:3]).unique().tolist() == deep[4].tolist()


@torch.no_grad()
def test_contextual_batch_equals_single_trees() -> None:
    network = contextual(4).eval()
    together = network.read(*tensors(join(FORESTS))).nodes
    for tree, places in zip(FORESTS, node_places(FORESTS), strict=True):
        alone = network.read(*tensors(tree)).nodes
        torch.testing.assert_close(together[places], alone, rtol=1e-4, atol=1e-5)


def test_contextual_word_vector_depends_on_the_sentence() -> None:
    network = contextual(4).eval()
    one, other = (network.vectors(*tensors(FORESTS[i])[:3]) for i in (0, 2))
    assert FORESTS[0]["tokens"][0] == FORESTS[2]["tokens"][-2]
    assert not torch.allclose(one[0], other[-2], atol=1e-3)


def test_pretrained_part_has_a_lower_learning_rate() -> None:
    network = contextual(4)
    groups = parameter_groups(
        network, Schedule(epochs=1, learning_rate=1.0, backbone_lr_scale=0.01)
    )
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    slow = {id(tensor) for tensor in network.words.encoder.weights.values()}
    for name, parameter in network.named_parameters():
        assert rates[id(parameter)] == (0.01 if id(parameter) in slow else 1.0), name


def test_word_sum_ignores_the_shape_of_the_tree() -> None:
    network = contextual(4, WordSum()).eval()
    for given, guessed in zip(FORESTS[:3], FORESTS[3:], strict=True):
        one, other = (network.read(*tensors(tree)).ood_features for tree in (given, guessed))
        vectors = network.vectors(*tensors(given)[:3])
        assert one is not None and torch.equal(one, other)
        torch.testing.assert_close(one[0], vectors.sum(0) / len(vectors) ** 0.5)


def examples(words: str, count: int, seed: int) -> Examples:
    """Sentences of random words, five to nine, and the trees above."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice([*words], rng.integers(5, 10))) for _ in range(count)]
    items = [forest(text) for text in texts]
    return Examples(
        items, np.zeros(count, dtype=np.int64), [sample(text, "a") for text in texts], SPECS
    )


@pytest.mark.slow
def test_contextual_graph_parity_with_another_vocabulary() -> None:
    net, known = contextual(4, WordSum()), examples("01234", 200, 1)
    net.words.encoder.round_to_half()
    net.eval()
    head, score = fit_novelty(net, known, examples("01234", 100, 2), [examples("567", 100, 3)])
    assert score is not None and score.method == "outlier-exposure"
    served = Servable(net, 1.0, head)
    model = export(served, SPECS, tensors(join(known.items[:2])))
    test = examples("01234", 40, 4)
    assert check_parity(model, served, test, SPECS) < 1e-4
    together = run_graph(model, test, [NOVELTY])[NOVELTY]
    alone = [run_graph(model, test.select([i]), [NOVELTY])[NOVELTY][0] for i in range(len(test))]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    other = run_graph(model, examples("567", 40, 5), [NOVELTY])[NOVELTY]
    assert np.median(other) > np.quantile(together, 0.9)
    halves = [
        list(weight.dims)
        for weight in onnx.load_from_string(model).graph.initializer
        if weight.data_type == onnx.TensorProto.FLOAT16
    ]
    assert [PIECES, SIZE] in halves

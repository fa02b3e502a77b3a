"""Words in their context below a tree: a batch is its trees; what is pretrained learns slowly."""

import torch

from app.engine.forest import join, node_places
from tests.training.encoders import WORDS, contextual
from tests.training.networks.test_recursive import FORESTS, tensors
from tests.trees import LISTS, grown
from training.fitting.fit import Schedule, parameter_groups
from training.networks.contextual import judged, leaves_below


def test_leaves_are_counted_as_the_tree_has_them() -> None:
    forest = tensors(join(FORESTS))
    counts = leaves_below(*forest[:4])
    assert counts[forest[4]].tolist() == [len(grown(text).words) for text in LISTS]


def test_a_batch_is_judged_as_its_trees_alone() -> None:
    network = contextual(4).eval()
    together = judged(network, *tensors(join(FORESTS)))
    for tree, places in zip(FORESTS, node_places(FORESTS), strict=True):
        alone = judged(network, *tensors(tree))
        assert torch.allclose(together[torch.from_numpy(places)], alone, atol=1e-5)
        assert torch.allclose(alone.sum(1), torch.ones(len(alone)), atol=1e-5)


def test_a_words_vector_depends_on_its_sentence() -> None:
    network = contextual(4).eval()
    one, other = (network.vectors(*tensors(FORESTS[i])) for i in (0, 3))
    first, second = (tensors(FORESTS[i])[0].tolist() for i in (0, 3))
    shared = (set(first) & set(second)).pop()
    assert not torch.allclose(one[first.index(shared)], other[second.index(shared)], atol=1e-3)


def test_what_is_pretrained_learns_slowly_and_the_kept_layers_do_not() -> None:
    network = contextual(4, kept=1)
    groups = parameter_groups(network, Schedule(epochs=1, rate=1.0, trunk=0.01))
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    encoder = network.words.encoder.weights
    for name, parameter in network.named_parameters():
        slow = any(parameter is tensor for tensor in encoder.values())
        kept = "embeddings_" in name or "encoder_layer_0_" in name
        assert rates.get(id(parameter)) == (None if kept else 0.01 if slow else 1.0), name
    assert len(WORDS) == len(network.words.pieces)

"""Sentences by their words: with a given tree or without, by one network or several, in a graph."""

import numpy as np
import pytest
import torch
from torch import Tensor

from app.bundle import TreeSpec
from app.engine.collate import Arrays, collate
from app.engine.forest import join
from app.inputs import Encoder, Payload, encoder_for
from tests.training.samples import sample
from training.data.encode import Examples
from training.exporting.export import NOVELTY, Servable, check_parity, export
from training.measuring.evaluate import outputs_of
from training.measuring.novelty import fit_novelty
from training.networks.counting import PooledWords
from training.networks.reading import Reading
from training.networks.recursive import ForestEnsemble, TreeLSTM, WordTable

FILM = ["it", "is", "a", "good", "bad", "film", "plot", "of", "and", ",", "."]
SEA = ["the", "whale", "ship", "sea", "wind", "mast"]
SPEC = TreeSpec(notation="ptb")
SPECS = SPEC.tensors()
TREES = (
    "(3 (2 it) (3 (3 (2 is) (3 good)) (2 .)))",
    "(2 film)",
    "(1 (1 (1 bad) (1 (2 film) (2 ,))) (2 (2 and) (2 (2 a) (1 (1 bad) (2 plot)))))",
    "(2 (2 whale) (2 unheard-of))",
)
TEXTS = ("it is good .", "film", "bad film , and a bad plot", "whale unheard-of")


def encoder() -> Encoder:
    words = ["", *FILM, *SEA]
    return encoder_for(SPEC, {SPEC.vocabulary: ("\n".join(words) + "\n").encode()})


def forest(text: str) -> Arrays:
    return encoder().encode(Payload(text.encode(), "text/plain")).arrays


def network(members: int = 2, pooled: bool = True) -> ForestEnsemble:
    torch.manual_seed(3)
    table = WordTable(len(FILM) + len(SEA), 16)
    table.fill(torch.randn(len(FILM) + len(SEA), 16))
    return ForestEnsemble(
        [
            TreeLSTM(
                table=table,
                classes=5,
                hidden=6,
                traits=PooledWords() if pooled and member == 0 else None,
            )
            for member in range(members)
        ]
    ).eval()


def tensors(arrays: Arrays) -> list[Tensor]:
    return [torch.from_numpy(array) for array in collate([arrays], SPECS).values()]


@torch.no_grad()
def read(arrays: Arrays, **changes: int) -> Reading:
    return network(**changes).read(*tensors(arrays))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("text", TREES)
def test_the_traits_are_the_words_vectors_added_up(text: str, members: int) -> None:
    arrays = forest(text)
    reading, table = read(arrays, members=members), network().members[0].embed
    vectors = table(torch.from_numpy(arrays["tokens"])).numpy()
    expected = vectors.sum(0) / np.sqrt(len(vectors))
    np.testing.assert_allclose(reading.traits[0].numpy(), expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(reading.features, reading.traits)


@pytest.mark.parametrize(("tree", "text"), [*zip(TREES, TEXTS, strict=True)])
def test_a_given_tree_and_one_by_rule_have_the_same_traits(tree: str, text: str) -> None:
    given, guessed = forest(tree), forest(text)
    assert given["tokens"].tolist() == guessed["tokens"].tolist()
    assert torch.equal(read(given).traits, read(guessed).traits)


def test_a_batchs_traits_are_its_trees_alone() -> None:
    forests = [forest(text) for text in (*TREES, *TEXTS)]
    together = read(join(forests)).traits
    alone = torch.cat([read(tree).traits for tree in forests])
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


def test_in_training_nothing_is_pooled_and_no_more_is_learned() -> None:
    joined = join([forest(text) for text in TREES])
    assert network().train().read(*tensors(joined)).traits is None
    weights, plain = (network(pooled=pooled).state_dict() for pooled in (True, False))
    assert {n: w.shape for n, w in weights.items()} == {n: w.shape for n, w in plain.items()}


def examples(words: list[str], count: int, seed: int) -> Examples:
    """Sentences of random words, five to nine."""
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(words, rng.integers(5, 10))) for _ in range(count)]
    samples = [sample(text, "a") for text in texts]
    items = [forest(text) for text in texts]
    return Examples(items, np.zeros(count, dtype=np.int64), samples, SPECS)


def test_the_graph_tells_other_words_alone_and_in_a_batch() -> None:
    net, known = network(), examples(FILM, 200, 1)
    head, score = fit_novelty(net, known, examples(FILM, 100, 2), [examples(SEA[:4], 100, 3)])
    assert score is not None and score.method == "outlier-exposure"
    served = Servable(net, 1.0, head)
    model = export(served, SPECS, tensors(join(known.items[:2])))
    test = examples(FILM, 40, 4)
    assert check_parity(model, served, test, SPECS) < 1e-4
    together = outputs_of(model, test, [NOVELTY])[0]
    alone = [outputs_of(model, test.select([i]), [NOVELTY])[0][0] for i in range(len(test))]
    np.testing.assert_allclose(together, alone, atol=1e-4)
    other = outputs_of(model, examples([*SEA, "the"], 40, 5), [NOVELTY])[0]
    assert (together < 0.5).mean() > 0.9 and (other > 0.5).mean() > 0.9

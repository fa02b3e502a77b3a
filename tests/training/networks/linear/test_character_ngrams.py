"""The network of character n-grams equals a dictionary of n-grams, under any padding."""

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.training.characters import character_examples
from training.exporting.export import Servable, export
from training.exporting.graph import run_graph, run_network
from training.fitting.ngrams import fit_ngrams
from training.networks.linear.character_ngrams import (
    BUCKETS,
    LONGEST,
    CharacterNgrams,
    ngram_buckets,
)

TEXTS = ["aab", "abab", "ba", "b", "aaaaab"]


def padded(texts: list[str], longest: int) -> tuple[Tensor, Tensor]:
    tokens = torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = torch.tensor([ord(letter) for letter in text])
    return tokens, torch.tensor([len(text) for text in texts])


def ngrams(text: str) -> set[str]:
    return {
        text[start : start + order]
        for order in range(1, LONGEST + 1)
        for start in range(len(text) - order + 1)
    }


def random_network(texts: list[str]) -> tuple[CharacterNgrams, dict[str, tuple[np.ndarray, float]]]:
    """A network with a weight for each n-gram of the texts, and these weights by n-gram."""
    rng = np.random.default_rng(1)
    known = sorted(set().union(*map(ngrams, texts)))
    network = CharacterNgrams(classes=3, features=len(known))
    weights = rng.normal(size=(len(known), 3)).astype(np.float16)
    squares = rng.uniform(1, 4, len(known)).astype(np.float32)
    for row, gram in enumerate(known, 1):
        buckets = list(ngram_buckets(*padded([gram], len(gram))))[len(gram) - 1][1]
        assert network.rows[len(gram) - 1, buckets[0, -1]] == 0, "two n-grams share a bucket"
        network.rows[len(gram) - 1, buckets[0, -1]] = row
    network.weights[1:], network.squares[1:] = torch.from_numpy(weights), torch.from_numpy(squares)
    return network.eval(), {
        gram: (weights[i].astype(np.float32), float(squares[i])) for i, gram in enumerate(known)
    }


def expected_logits(text: str, table: dict[str, tuple[np.ndarray, float]]) -> np.ndarray:
    found = [table[gram] for gram in ngrams(text) if gram in table]
    total = np.sum([weight for weight, _ in found], axis=0)
    return np.asarray(total / np.sqrt(sum(square for _, square in found)))


@pytest.mark.parametrize("longest", [6, 9])
def test_logits_are_those_of_a_dictionary_of_ngrams(longest: int) -> None:
    network, table = random_network(TEXTS[:3])
    logits = network(*padded(TEXTS, longest)).detach().numpy()
    expected = [expected_logits(text, table) for text in TEXTS]
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-4)


def test_an_ngram_does_not_reach_over_the_end_of_its_text() -> None:
    tokens, lengths = padded(["ab"], 5)
    tokens[0, 2:] = 7  # whatever stands there
    counted = [int(whole.sum()) for _, _, whole in ngram_buckets(tokens, lengths)]
    assert counted == [2, 1, 0, 0, 0]


def test_attribution_is_the_change_of_the_logit_without_the_norm() -> None:
    network, table = random_network(TEXTS)
    output = network.read(*padded(["abab"], 4))
    assert output.attribution is not None
    given = output.attribution(torch.tensor([2]))[0]
    norm = np.sqrt(sum(table[gram][1] for gram in ngrams("abab")))
    weights = {gram: weight[2] - weight.mean() for gram, (weight, _) in table.items()}
    wanted = np.zeros(4)
    for order in range(1, 5):
        for start in range(4 - order + 1):
            wanted[start : start + order] += weights["abab"[start : start + order]] / order
    np.testing.assert_allclose(given.numpy(), wanted / norm, rtol=1e-4)


def test_known_share_is_low_for_other_texts() -> None:
    network, _ = random_network(TEXTS)
    known = network.read(*padded(["aab", "xyz"], 4)).features
    assert known[0].tolist()[:3] == [1, 1, 1] and known[1].tolist() == [0] * LONGEST


def test_graph_equals_network_in_other_batches_and_paddings() -> None:
    examples = character_examples(
        ["good fine day", "bad sad", "a good one", "sad bad bad day"] * 3, [0, 1, 0, 1] * 3
    )
    network = CharacterNgrams(classes=2)
    fit_ngrams(network, examples, examples)
    example = [torch.from_numpy(array) for array in examples.batch([1, 2])[0]]
    model = export(Servable(network, 1.0, None, None), examples.inputs, example, ("time",))
    logits = run_network(network, examples)
    probabilities = run_graph(model, examples, ["probabilities"], batch_size=5)["probabilities"]
    np.testing.assert_allclose(
        probabilities, torch.from_numpy(logits).softmax(1).numpy(), atol=1e-5
    )


def test_buckets_of_equal_ngrams_are_equal_wherever_they_stand() -> None:
    first, second = ([*ngram_buckets(*padded([text], 6))] for text in ("xxabc", "abc"))
    assert int(first[2][1][0, 4]) == int(second[2][1][0, 2]) < BUCKETS

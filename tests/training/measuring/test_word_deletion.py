"""The deletion test of words: faithful scores against reversed ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.batching.forest import FOREST_INPUTS, join
from app.modalities import Payload, encoder_for
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import sample
from training.data.encode import Examples
from training.exporting.export import Servable, export
from training.measuring.faithfulness import word_deletion_test
from training.modalities.tree import forget_words
from training.networks.heads.model_output import ModelOutput
from training.networks.tree.contextual import roots_above

pytestmark = pytest.mark.slow

SPEC = TreeSpec(notation="ptb")
WORDS = ("", "good", "bad", "it", "is", "a", "film", "and", "so")
ENCODER = encoder_for(SPEC, {SPEC.vocabulary: ("\n".join(WORDS) + "\n").encode()})


class Tally(nn.Module):
    """Adds up what the words of a tree are worth; says so of each word, or the opposite."""

    def __init__(self, *, honest: bool) -> None:
        super().__init__()
        self.sign = 1.0 if honest else -1.0
        self.register_buffer("worth", torch.tensor([0.0, 2, -2, *[0] * 6]))

    def forward(self, *forest: Tensor) -> Tensor:
        return self.read(*forest).logits

    def read(
        self, tokens: Tensor, left: Tensor, right: Tensor, levels: Tensor, roots: Tensor
    ) -> ModelOutput:
        worth = self.worth[tokens]
        above = roots_above(tokens, left, right)
        inner = torch.zeros_like(left, dtype=torch.float32)
        sums = torch.cat([worth * 0, inner]).index_add(0, above, worth)[roots]
        nodes = logits(torch.cat([self.sign * worth, inner + levels[-1]]))
        return ModelOutput(logits(sums), sums[:, None], nodes=nodes)


def logits(worth: Tensor) -> Tensor:
    """Bad, neutral, good."""
    return torch.stack([-worth, torch.ones_like(worth), worth], 1)


def graph(known: Examples, *, honest: bool) -> bytes:
    forest = join(known.items[:2])
    example = [torch.from_numpy(forest[name]) for name in FOREST_INPUTS]
    return export(Servable(Tally(honest=honest)), known.inputs, example)


def sentences(count: int) -> Examples:
    rng = np.random.default_rng(1)
    texts = []
    for _ in range(count):
        actual = [*rng.choice(WORDS[3:], 8), rng.choice(WORDS[1:3]), "so"]
        texts.append(" ".join(rng.permutation(actual)))
    items = [ENCODER.encode(Payload(text.encode(), "text/plain")).arrays for text in texts]
    samples = [sample(text, "a") for text in texts]
    return Examples(items, np.zeros(count, dtype=np.int64), samples, SPEC.tensors())


@pytest.mark.parametrize("honest", [True, False])
def test_word_deletion_tells_faithful_scores_from_reversed_ones(honest: bool) -> None:
    known = sentences(60)
    found = word_deletion_test(graph(known, honest=honest), known, forget_words)
    assert found is not None and found.count == 60
    assert (found.salient > 3 * found.random) == honest  # at random it goes one time in five
    assert [figure.samples for figure in found.measurements("test")] == [60, 60]


def test_word_deletion_skips_neutral_sentences() -> None:
    known = sentences(8)
    neutral = [{**item, "tokens": np.full_like(item["tokens"], 3)} for item in known.items]
    model, alike = graph(known, honest=True), replace(known, items=neutral)
    assert word_deletion_test(model, alike, forget_words) is None

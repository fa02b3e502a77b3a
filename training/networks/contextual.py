"""A Tree-LSTM over words in their context: slow, and a good teacher. It is not exported."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.networks.recursive import TreeLSTM
from training.networks.sentence_encoder import WordsInContext


class ContextualTreeLSTM(TreeLSTM):
    """As `TreeLSTM`; a word's vector is what a pretrained encoder makes of it in its sentence."""

    def __init__(
        self, *, words: WordsInContext, classes: int, hidden: int, dropout: float = 0.0
    ) -> None:
        super().__init__(table=words, classes=classes, hidden=hidden, dropout=dropout)

    @property
    def words(self) -> WordsInContext:
        """The words, and the encoder that reads them."""
        assert isinstance(self.embed, WordsInContext)
        return self.embed

    @property
    def pretrained(self) -> nn.Module:
        """What learns slowly."""
        return self.embed

    def vectors(
        self, tokens: Tensor, left: Tensor, right: Tensor, levels: Tensor, roots: Tensor
    ) -> Tensor:
        """Return the words' vectors, each tree being a sentence."""
        vectors: Tensor = self.words(tokens, leaves_below(tokens, left, right, levels)[roots])
        return vectors


def leaves_below(tokens: Tensor, left: Tensor, right: Tensor, levels: Tensor) -> Tensor:
    """Return how many leaves stand below every node of a forest, int64 (nodes,)."""
    counts = tokens.new_ones(len(tokens) + len(left))
    for start, end in pairwise(levels.tolist()):
        below = counts[left[start:end]] + counts[right[start:end]]
        counts[len(tokens) + start : len(tokens) + end] = below
    return counts


@torch.no_grad()
def judged(network: TreeLSTM, *forest: Tensor) -> Tensor:
    """Return the probabilities of every node's labels, float32 (nodes, classes)."""
    nodes = network.read(*forest).nodes
    assert nodes is not None
    return nodes.softmax(1)

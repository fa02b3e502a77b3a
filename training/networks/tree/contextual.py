"""A Tree-LSTM over words in their context: the leaves are what a sentence encoder makes of them."""

import torch
from torch import Tensor, nn

from training.networks.backbones.sentence_encoder import WordsInContext
from training.networks.tree.statistics import WordSum
from training.networks.tree.tree_lstm import TreeLSTM

_DOUBLINGS = 10  # of the steps upwards; a tree has at most 1,000 levels


class ContextualTreeLSTM(TreeLSTM):
    """As `TreeLSTM`; a word's vector is what a pretrained encoder makes of it in its sentence."""

    def __init__(
        self,
        *,
        words: WordsInContext,
        classes: int,
        hidden: int,
        dropout: float = 0.0,
        statistics: WordSum | None = None,
    ) -> None:
        super().__init__(
            table=words, classes=classes, hidden=hidden, dropout=dropout, statistics=statistics
        )

    @property
    def words(self) -> WordsInContext:
        """The words, and the encoder that reads them."""
        assert isinstance(self.embed, WordsInContext)
        return self.embed

    @property
    def pretrained(self) -> nn.Module:
        """What learns slowly."""
        return self.embed

    def vectors(self, tokens: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Return the words' vectors, each tree being a sentence."""
        vectors: Tensor = self.words(tokens, roots_above(tokens, left, right))
        return vectors


def roots_above(tokens: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return the root above every leaf of a forest, int64 (leaves,).

    By pointer jumping (Wyllie, "The Complexity of Parallel Computations", 1979): from node to
    parent, then from parent to its parent's parent, and so on, twice as far each time.
    """
    leaves, count = tokens.shape[0], tokens.shape[0] + left.shape[0]
    inner = torch.arange(leaves, count, device=tokens.device)
    above = torch.arange(count, device=tokens.device)
    above = above.scatter(0, left, inner).scatter(0, right, inner)
    for _ in range(_DOUBLINGS):
        above = above[above]
    return above[:leaves]

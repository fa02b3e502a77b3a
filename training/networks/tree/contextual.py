"""A Tree-LSTM whose leaves are contextual word vectors from a sentence encoder."""

import torch
from torch import Tensor, nn

from training.networks.backbones.sentence_encoder import WordsInContext
from training.networks.tree.statistics import WordSum
from training.networks.tree.tree_lstm import TreeLSTM

_DOUBLINGS = 10  # 2 ** 10 steps upwards; a tree has at most 1,000 levels


class ContextualTreeLSTM(TreeLSTM):
    """A `TreeLSTM` whose word vectors come from a pretrained encoder that reads the sentence."""

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
        """The words and their encoder."""
        assert isinstance(self.embed, WordsInContext)
        return self.embed

    @property
    def pretrained(self) -> nn.Module:
        """The encoder, which learns more slowly; see `PartlyPretrained`."""
        return self.embed

    def vectors(self, tokens: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Return the words' vectors; each tree is a sentence."""
        vectors: Tensor = self.words(tokens, roots_above(tokens, left, right))
        return vectors


def roots_above(tokens: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Return the root above every leaf of a forest, int64 (leaves,).

    It uses pointer jumping (Wyllie, "The Complexity of Parallel Computations", 1979): the first
    step goes to the parent, and each later step goes twice as far up.
    """
    leaves, count = tokens.shape[0], tokens.shape[0] + left.shape[0]
    inner = torch.arange(leaves, count, device=tokens.device)
    above = torch.arange(count, device=tokens.device)
    above = above.scatter(0, left, inner).scatter(0, right, inner)
    for _ in range(_DOUBLINGS):
        above = above[above]
    return above[:leaves]

"""A linear model over which tokens, and which pairs of neighbours, a text holds.

The classical baseline of text classification as a network: presence instead of counts, an
L2-normalised vector of features, one weight per feature and class (Wang and Manning,
"Baselines and Bigrams", ACL 2012). Pairs share a table by hashing, as in fastText.
"""

import torch
from torch import Tensor, nn

PAIR_BUCKETS = 1 << 17
SCALE = 10.0  # of the normalised vector: weights then have the size that the optimiser steps in


class LinearBag(nn.Module):
    """One weight per token, per pair and per class. Memory grows with the text's length squared.

    While training, tokens are left out at a rate drawn per text from 0 to twice `word_dropout`.
    """

    def __init__(self, *, vocabulary: int, classes: int, word_dropout: float = 0.3) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.tokens = nn.Embedding(vocabulary, classes)
        self.pairs = nn.Embedding(PAIR_BUCKETS, classes)
        self.bias = nn.Parameter(torch.zeros(classes))
        nn.init.zeros_(self.tokens.weight)
        nn.init.zeros_(self.pairs.weight)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify `tokens` (B, T) int64, zero after `lengths` (B,) int64, each in 1..T.

        Returns the logits (B, classes) float32.
        """
        counted = true_steps(tokens, lengths)
        if self.training and self.word_dropout > 0:
            rates = 2 * self.word_dropout * torch.rand(len(tokens), 1, device=tokens.device)
            counted = counted & (torch.rand(tokens.shape, device=tokens.device) >= rates)
        pairs = pair_buckets(tokens, PAIR_BUCKETS)
        one = (first_occurrence(tokens) & counted).unsqueeze(2).float()
        two = (first_occurrence(pairs) & counted).unsqueeze(2).float()
        total = (self.tokens(tokens) * one).sum(1) + (self.pairs(pairs) * two).sum(1)
        norm = (one.sum(1) + two.sum(1) + 1).sqrt()
        logits: Tensor = SCALE * total / norm + self.bias
        return logits


def true_steps(steps: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of `steps` (B, T, ...) are no padding: (B, T) bool."""
    return torch.arange(steps.shape[1], device=steps.device) < lengths.unsqueeze(1)


def first_occurrence(ids: Tensor) -> Tensor:
    """Which of `ids` (B, T) int64 do not stand earlier in their row: (B, T) bool."""
    place = torch.arange(ids.shape[1], device=ids.device)
    earlier = place.unsqueeze(0) < place.unsqueeze(1)  # (T, T): column before row
    seen = (ids.unsqueeze(2) == ids.unsqueeze(1)) & earlier
    return seen.float().sum(2) == 0


def pair_buckets(tokens: Tensor, buckets: int) -> Tensor:
    """The bucket of each token (B, T) int64 paired with the one before it (0 before the first)."""
    before = nn.functional.pad(tokens[:, :-1], (1, 0))
    # A multiplicative hash; what is multiplied stays far below 2 ** 63 for any vocabulary.
    return (before * 1_000_003 + tokens * 7_919) % 2_147_483_647 % buckets

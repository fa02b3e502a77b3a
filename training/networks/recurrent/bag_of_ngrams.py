"""A linear model over which tokens, and which pairs of neighbours, a text holds.

The classical baseline of text classification as a network: presence instead of counts, an
L2-normalised vector of features, one weight per feature and class (Wang and Manning,
"Baselines and Bigrams", ACL 2012). Pairs share a table by hashing, as in fastText.
"""

from functools import partial

import torch
from torch import Tensor, nn

from training.networks.heads.model_output import ModelOutput

PAIR_BUCKETS = 1 << 17
SCALE = 10.0  # of the normalised vector: weights then have the size that the optimiser steps in


class LinearBag(nn.Module):
    """One weight per token, per pair and per class.

    While training, tokens are left out at a rate drawn per text from 0 to twice `word_dropout`.
    """

    def __init__(self, *, vocabulary: int, classes: int, word_dropout: float = 0.1) -> None:
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
        return self.read(tokens, lengths).logits

    def read(self, tokens: Tensor, lengths: Tensor) -> ModelOutput:
        """As `forward`. The embedding is the evidence for each class: there is nothing before it.

        A pair's evidence is halved between its tokens, and a token that comes twice has its
        evidence in both places, for it goes when both go.
        """
        counted = true_steps(tokens, lengths)
        if self.training and self.word_dropout > 0:
            rates = 2 * self.word_dropout * torch.rand(len(tokens), 1, device=tokens.device)
            counted = counted & (torch.rand(tokens.shape, device=tokens.device) >= rates)
        one, is_one = distinct(tokens, counted)
        two, is_two = distinct(pair_buckets(tokens, PAIR_BUCKETS), counted)
        total = (self.tokens(one) * is_one).sum(1) + (self.pairs(two) * is_two).sum(1)
        norm = (is_one.sum(1) + is_two.sum(1) + 1).sqrt()
        found = SCALE * total / norm
        return ModelOutput(
            found + self.bias, found, partial(self._attribution, tokens, lengths, norm)
        )

    def _attribution(self, tokens: Tensor, lengths: Tensor, norm: Tensor, labels: Tensor) -> Tensor:
        """Return what each token adds to the label's logit, (B, T) float32."""
        counted = true_steps(tokens, lengths)
        own = chosen(self.tokens.weight, tokens, labels) * counted
        pairs = chosen(self.pairs.weight, pair_buckets(tokens, PAIR_BUCKETS), labels) * counted
        first, later = pairs[:, :1], pairs[:, 1:] / 2  # nothing stands before the first token
        halves = torch.cat([first, later], 1) + nn.functional.pad(later, (0, 1))
        return SCALE * (own + halves) / norm


def chosen(table: Tensor, ids: Tensor, labels: Tensor) -> Tensor:
    """Return what `table` (ids, classes) holds of `ids` (B, T) for `labels` (B,): (B, T)."""
    rows = (table - table.mean(1, keepdim=True))[ids]
    return rows.gather(2, labels[:, None, None].expand(-1, ids.shape[1], 1)).squeeze(2)


def true_steps(steps: Tensor, lengths: Tensor) -> Tensor:
    """Which steps of `steps` (B, T, ...) are no padding: (B, T) bool."""
    return torch.arange(steps.shape[1], device=steps.device) < lengths.unsqueeze(1)


def distinct(ids: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Return which `ids` (B, T) int64, above 0, stand where `counted` (B, T) bool says.

    That is the ids in order, (B, T) int64, and 1 for the first of equal ones, else 0,
    (B, T, 1) float32. Sorting takes memory in proportion to the length, comparing all pairs
    its square.
    """
    ordered = ids.masked_fill(~counted, 0).sort(1)[0]
    before = nn.functional.pad(ordered[:, :-1], (1, 0))
    return ordered, (ordered != before).unsqueeze(2).float()


def pair_buckets(tokens: Tensor, buckets: int) -> Tensor:
    """The bucket of each token (B, T) int64 paired with the one before it (0 before the first).

    Buckets are 1 to `buckets` - 1, so that 0 can stand for none.
    """
    before = nn.functional.pad(tokens[:, :-1], (1, 0))
    # A multiplicative hash; what is multiplied stays far below 2 ** 63 for any vocabulary.
    return (before * 1_000_003 + tokens * 7_919) % 2_147_483_647 % (buckets - 1) + 1

"""A linear model on the character n-grams of a text, whatever its language.

It is tf-idf with presence in place of counts, an L2-normalised vector, and one weight per n-gram
and class (Joachims, "Text Categorization with Support Vector Machines", ECML 1998). A hash gives
each n-gram a bucket, so that the graph needs no table of strings; the buckets that occur in
training texts have a row of weights, all others are ignored.
"""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor, nn

from training.networks.heads.model_output import ModelOutput
from training.networks.recurrent.bag_of_ngrams import chosen, distinct, true_steps

LONGEST = 5  # characters of an n-gram
BUCKETS = 1 << 17  # for the n-grams of one length
_PRIME, _MODULUS = 1_000_003, 2_147_483_647


class CharacterNgrams(nn.Module):
    """Weights of n-grams of 1 to `LONGEST` characters; `training.fitting.ngrams` sets them.

    rows: int32 (LONGEST, BUCKETS), the row of each bucket's weights; 0: the bucket is ignored.
    weights: float16 (rows, classes), of an n-gram's presence, times its idf; row 0 is zero.
    squares: float32 (rows,), the squared idf; row 0 is zero.
    """

    rows: Tensor
    weights: Tensor
    squares: Tensor

    def __init__(self, *, classes: int, features: int = 0) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(LONGEST, BUCKETS, dtype=torch.int32))
        self.register_buffer("weights", torch.zeros(features + 1, classes, dtype=torch.float16))
        self.register_buffer("squares", torch.zeros(features + 1))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify `tokens` (B, T) int64, characters, zero after `lengths` (B,) int64.

        Returns the logits (B, classes) float32.
        """
        return self.read(tokens, lengths).logits

    def read(self, tokens: Tensor, lengths: Tensor) -> ModelOutput:
        """As `forward`. The embedding is the logits without the bias: there is no other layer.

        For the novelty score there is, for each length, the share of n-grams that are known. The
        attribution of an n-gram is divided among its characters. A repeated n-gram has its whole
        attribution at each place, because only removing all of them changes the logits.
        """
        total = torch.zeros(len(tokens), self.weights.shape[1], device=tokens.device)
        square = torch.ones(len(tokens), device=tokens.device) * 1e-6
        known = []
        for order, buckets, counted in ngram_buckets(tokens, lengths):
            rows = self.rows[order - 1][buckets].long()
            known.append((counted & (rows > 0)).sum(1) / counted.sum(1).clamp(min=1))
            one, first = distinct(rows, counted)
            total = total + (self.weights[one].float() * first).sum(1)
            square = square + (self.squares[one] * first.squeeze(2)).sum(1)
        norm = square.sqrt()
        found = total / norm.unsqueeze(1)
        return ModelOutput(
            found + self.bias,
            found,
            partial(self._attribution, tokens, lengths, norm),
            ood_features=torch.stack(known, 1),
        )

    def _attribution(self, tokens: Tensor, lengths: Tensor, norm: Tensor, labels: Tensor) -> Tensor:
        """Return what each character adds to the label's logit, (B, T) float32."""
        table = self.weights.float()
        total = torch.zeros(tokens.shape, device=tokens.device)
        for order, buckets, counted in ngram_buckets(tokens, lengths):
            rows = self.rows[order - 1][buckets].long()
            share = chosen(table, rows, labels) * (counted & (rows > 0)) / order
            for back in range(order):  # the n-gram ends at a place and covers those before it
                total = total + nn.functional.pad(share[:, back:], (0, back))
        return total / norm.unsqueeze(1)


def ngram_buckets(tokens: Tensor, lengths: Tensor) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield, for n-grams of each length, their buckets and which of them are whole.

    Both are (B, T), int64 below `BUCKETS` and bool, at the n-gram's last character.
    """
    counted = true_steps(tokens, lengths)
    hashed = torch.zeros_like(tokens)
    for order in range(1, LONGEST + 1):
        before = nn.functional.pad(hashed[:, :-1], (1, 0))
        hashed = (before * _PRIME + tokens * 7_919 + 1) % _MODULUS
        if order > 1:
            counted = counted & nn.functional.pad(counted[:, :-1], (1, 0))
        yield order, hashed % BUCKETS, counted

"""A linear model on the set of tokens and of pairs of neighbouring tokens in a text.

It is the classical baseline of text classification: presence instead of counts, an L2-normalised
vector of features, one weight per feature and class (Wang and Manning, "Baselines and Bigrams",
ACL 2012). Pairs share a table by hashing, as in fastText.
"""

from functools import partial

import torch
from torch import Tensor, nn

from training.networks.heads.model_output import ModelOutput

PAIR_BUCKETS = 1 << 17
SCALE = 10.0  # of the normalised vector, so that the weights suit the optimiser's step size


class LinearBag(nn.Module):
    """One weight per token, per pair and per class.

    In training mode tokens are dropped at a rate drawn for each text from 0 to 2 `word_dropout`.
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
        """As `forward`. The embedding is the logits without the bias: there is no other layer.

        The attribution of a pair is divided between its two tokens. A repeated token has its whole
        attribution at each position, because only removing all of them changes the logits.
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
        first, later = pairs[:, :1], pairs[:, 1:] / 2  # no token comes before the first one
        halves = torch.cat([first, later], 1) + nn.functional.pad(later, (0, 1))
        return SCALE * (own + halves) / norm


def chosen(table: Tensor, ids: Tensor, labels: Tensor) -> Tensor:
    """Return the centred entries of `table` (ids, classes) at `ids` (B, T) and `labels` (B,).

    The result is (B, T); the mean over the classes is subtracted.
    """
    rows = (table - table.mean(1, keepdim=True))[ids]
    return rows.gather(2, labels[:, None, None].expand(-1, ids.shape[1], 1)).squeeze(2)


def true_steps(steps: Tensor, lengths: Tensor) -> Tensor:
    """Return which steps of `steps` (B, T, ...) are not padding, bool (B, T)."""
    return torch.arange(steps.shape[1], device=steps.device) < lengths.unsqueeze(1)


def distinct(ids: Tensor, counted: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distinct `ids` (B, T) int64, above 0, among those where `counted` (B, T) is true.

    The result is the sorted ids, (B, T) int64, and a mask that is 1 for the first of equal ids and
    else 0, (B, T, 1) float32. Sorting takes memory proportional to the length; comparing all pairs
    would take its square.
    """
    ordered = ids.masked_fill(~counted, 0).sort(1)[0]
    before = nn.functional.pad(ordered[:, :-1], (1, 0))
    return ordered, (ordered != before).unsqueeze(2).float()


def pair_buckets(tokens: Tensor, buckets: int) -> Tensor:
    """Return the bucket of each token, (B, T) int64, paired with the token before it.

    The token before the first one is 0. Buckets are 1 to `buckets` - 1; 0 means none.
    """
    before = nn.functional.pad(tokens[:, :-1], (1, 0))
    # A multiplicative hash; the products stay far below 2 ** 63 for any vocabulary.
    return (before * 1_000_003 + tokens * 7_919) % 2_147_483_647 % (buckets - 1) + 1

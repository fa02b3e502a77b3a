"""Tree statistics for the novelty score, which extra units of a Tree-LSTM accumulate.

A unit whose input gate adds 0 and whose forget gates are open adds up the memories of its children
(Tai et al., equation 13 with u = 0 and f = 1). One such counter unit for each word of a small
vocabulary brings the counts of the words to the root, in the bottom-up pass that the network does
anyway. A single counter unit brings the number of leaves, which `WordSum` needs.
"""

import torch
from torch import Tensor
from torch.nn import functional

_OPEN = 100.0  # whose sigmoid is 1 in float32


def with_counter_units(weight: Tensor, bias: Tensor, more: int) -> tuple[Tensor, Tensor]:
    """Return the weights of `tree_cell` with `more` counter units.

    weight: (2 H, 5 H), bias: (5 H,), gates in the order i, l, r, o, u; H becomes H + `more`.
    """
    hidden = len(bias) // 5
    padded = functional.pad(weight.view(2, hidden, 5, hidden), (0, more, 0, 0, 0, more))
    gates = bias.new_tensor([0, _OPEN, _OPEN, 0, 0])[:, None].expand(-1, more)
    size = hidden + more
    padded_bias = torch.cat([bias.view(5, hidden), gates], dim=1).flatten()
    return padded.reshape(2 * size, 5 * size), padded_bias


class WordCounts:
    """Counts of each of `words` words and the height of a tree, for small vocabularies."""

    def __init__(self, words: int) -> None:
        self.words = words

    def leaf_values(self, tokens: Tensor) -> Tensor:
        """Return the values that counter units sum over the leaves, int64 (leaves, words)."""
        return functional.one_hot(tokens, self.words)

    def compute(self, sums: Tensor, vectors: Tensor, levels: Tensor, depths: Tensor) -> Tensor:
        """Return statistics that do not depend on a tree's size, float32 (trees, words + 2).

        They are the counts, the height and 1, divided by the square root of the number of leaves:
        the deviation of random counts, and the height, grow with that root. sums: float32 (trees,
        words), the count of each word in each tree. vectors: ignored. levels: int64 (heights + 1,),
        the end of each level among all inner nodes, from 0. depths: int64 (trees,), the index of
        each root among the inner nodes, below 0 for a single leaf.
        """
        leaves = sums.sum(1, keepdim=True)
        height = (levels[None] <= depths[:, None]).sum(1, keepdim=True).to(sums.dtype)
        return torch.cat([sums, height, torch.ones_like(leaves)], 1) / leaves.sqrt()


class WordSum:
    """The sum of a tree's word vectors, whatever its shape, for large vocabularies."""

    def leaf_values(self, tokens: Tensor) -> Tensor:
        """Return the values that a counter unit sums over the leaves, int64 (leaves, 1)."""
        return torch.ones_like(tokens)[:, None]

    def compute(self, sums: Tensor, vectors: Tensor, levels: Tensor, depths: Tensor) -> Tensor:
        """Return the sum of the vectors over the square root of their number, float32 (trees, d).

        A mean would vary more for short sentences. sums: float32 (trees, 1), the number of leaves
        of each tree. vectors: float32 (leaves, d), tree after tree. levels, depths: ignored.
        """
        ends = sums.cumsum(0)
        places = torch.arange(vectors.shape[0], device=vectors.device)[None]
        own = ((places >= ends - sums) & (places < ends)).to(vectors.dtype)
        return own @ vectors / sums.sqrt()

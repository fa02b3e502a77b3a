"""How a tree is made, told by the climb that a Tree-LSTM does anyway: traits for its novelty.

A unit whose input gate adds nothing and whose forget gates stand open adds up its children's
memories (Tai et al., equation 13 with u = 0 and f = 1). So as many more units as there are words
bring the count of each word in a tree to its root, in the loop that is there already; one more
brings the number of leaves, by which the vectors of words are pooled, whatever tree they stand in.
"""

import torch
from torch import Tensor
from torch.nn import functional

_OPEN = 100.0  # whose sigmoid is 1 in float32


def with_counter_units(weight: Tensor, bias: Tensor, more: int) -> tuple[Tensor, Tensor]:
    """Return the weights of `tree_cell` with so many more units that add up.

    weight: (2 H, 5 H), bias: (5 H,), gates in the order i, l, r, o, u; H becomes H + `more`.
    """
    hidden = len(bias) // 5
    wide = functional.pad(weight.view(2, hidden, 5, hidden), (0, more, 0, 0, 0, more))
    gates = bias.new_tensor([0, _OPEN, _OPEN, 0, 0])[:, None].expand(-1, more)
    size = hidden + more
    wide_bias = torch.cat([bias.view(5, hidden), gates], dim=1).flatten()
    return wide.reshape(2 * size, 5 * size), wide_bias


class WordCounts:
    """How a tree is made, where there are `words` words: what is told of lists and the like."""

    def __init__(self, words: int) -> None:
        self.words = words

    def leaf_values(self, tokens: Tensor) -> Tensor:
        """Return what is added up from the leaves on, float (leaves, words)."""
        return functional.one_hot(tokens, self.words)

    def compute(self, sums: Tensor, vectors: Tensor, levels: Tensor, depths: Tensor) -> Tensor:
        """Return the traits, float32 (trees, words + 2), which do not depend on a tree's size.

        By chance counts stray and heights grow with the root of the number of leaves, so the
        counts, the height and 1 over that root are told. sums: float32 (trees, words), how often
        each word stands in each tree. vectors: not looked at. levels: int64 (heights + 1,), where
        each height ends, from 0, among all inner nodes. depths: int64 (trees,), where among these
        each root stands, below 0 for a single leaf.
        """
        leaves = sums.sum(1, keepdim=True)
        height = (levels[None] <= depths[:, None]).sum(1, keepdim=True).to(sums.dtype)
        return torch.cat([sums, height, torch.ones_like(leaves)], 1) / leaves.sqrt()


class WordSum:
    """Of which words a tree is, where they are many: the same in any tree of the same words."""

    def leaf_values(self, tokens: Tensor) -> Tensor:
        """Return what is added up from the leaves on, float (leaves, 1)."""
        return torch.ones_like(tokens)[:, None]

    def compute(self, sums: Tensor, vectors: Tensor, levels: Tensor, depths: Tensor) -> Tensor:
        """Return the words' sum over the root of their number, float32 (trees, d).

        A mean would stray more where words are few. sums: float32 (trees, 1), how many leaves each
        tree has. vectors: float32 (leaves, d); the trees' leaves follow one another. The rest
        is not looked at.
        """
        ends = sums.cumsum(0)
        places = torch.arange(vectors.shape[0], device=vectors.device)[None]
        own = ((places >= ends - sums) & (places < ends)).to(vectors.dtype)
        return own @ vectors / sums.sqrt()

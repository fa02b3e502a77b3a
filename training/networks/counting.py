"""How a tree is made, told by the climb that a Tree-LSTM does anyway: traits for its novelty.

A unit whose input gate adds nothing and whose forget gates stand open adds up its children's
memories (Tai et al., equation 13 with u = 0 and f = 1). So as many more units as there are words
bring the count of each word in a tree to its root, in the loop that is there already.
"""

import torch
from torch import Tensor
from torch.nn import functional

_OPEN = 100.0  # whose sigmoid is 1 in float32


def widened(weight: Tensor, bias: Tensor, more: int) -> tuple[Tensor, Tensor]:
    """Return the weights of `tree_cell` with so many more units that add up.

    weight: (2 H, 5 H), bias: (5 H,), gates in the order i, l, r, o, u; H becomes H + `more`.
    """
    hidden = len(bias) // 5
    wide = functional.pad(weight.view(2, hidden, 5, hidden), (0, more, 0, 0, 0, more))
    gates = bias.new_tensor([0, _OPEN, _OPEN, 0, 0])[:, None].expand(-1, more)
    size = hidden + more
    wide_bias = torch.cat([bias.view(5, hidden), gates], dim=1).flatten()
    return wide.reshape(2 * size, 5 * size), wide_bias


def traits(counts: Tensor, levels: Tensor, depths: Tensor) -> Tensor:
    """Return what tells one kind of trees from another, float32 (trees, words + 2).

    The count of every word, the height and 1, all over the square root of the number of leaves:
    where trees are grown by chance, counts stray from their share by so much, and heights grow
    so. counts: float32 (trees, words). levels: int64 (heights + 1,), where each height ends among
    the inner nodes. depths: int64 (trees,), the roots' places there, below 0 for a single leaf.
    """
    heights = (levels[None] <= depths[:, None]).sum(1, keepdim=True).to(counts.dtype)
    both = torch.cat([counts, heights, torch.ones_like(heights)], dim=1)
    return both / counts.sum(1, keepdim=True).sqrt()

"""Binary Tree-LSTMs over forests: the same weights at every node of every tree.

Tai, Socher and Manning, "Improved Semantic Representations From Tree-Structured Long Short-Term
Memory Networks", ACL 2015, equations 9-14 with N = 2. The network computes a forest
(`app.batching.forest`) level by level: all nodes of one height are one matrix product.
"""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from training.networks.backbones.sentence_encoder import WordsInContext
from training.networks.heads.model_output import ModelOutput
from training.networks.tree.onnx_functions import DOMAIN
from training.networks.tree.statistics import WordCounts, WordSum, with_counter_units


def tree_cell(children: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return the states (n, 2 H) of nodes from the states of their children (n, 2, 2 H), float32.

    A state is h, then c. weight: (2 H, 5 H), bias: (5 H,), gates in the order i, l, r, o, u.
    """
    hidden, memory = children.chunk(2, dim=2)
    gates = torch.addmm(bias, hidden.flatten(1), weight).chunk(5, dim=1)
    taken, left, right, shown = (gate.sigmoid() for gate in gates[:4])
    c = taken * gates[4].tanh() + left * memory[:, 0] + right * memory[:, 1]
    return torch.cat([shown * c.tanh(), c], dim=1)


class _Propagate(torch.autograd.Function):
    """The states of the leaves → the states of all nodes, one `tree_cell` for each level.

    Plain autograd would copy all states at every level. In a tree a node has one parent, so the
    backward pass of the parent's level writes its gradient once.
    """

    @staticmethod
    def forward(ctx: Any, leaves: Tensor, pairs: Tensor, levels: Tensor, *cell: Tensor) -> Tensor:
        """leaves: (L, 2 H). pairs: (inner, 2) int64. levels: (heights + 1,) int64."""
        count, ends = len(leaves), levels.tolist()
        states = leaves.new_empty(count + len(pairs), leaves.shape[1])
        states[:count] = leaves
        weights = [part.detach().requires_grad_() for part in cell]
        steps = []
        for start, end in pairwise(ends):
            children = states[pairs[start:end]].requires_grad_()
            with torch.enable_grad():
                parents = tree_cell(children, *weights)
            states[count + start : count + end] = parents.detach()
            steps.append((start, end, children, parents))
        ctx.steps, ctx.weights, ctx.pairs, ctx.count = steps, weights, pairs, count
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """Compute the gradients level by level, from the highest down."""
        gradient = gradient.clone()
        totals = [torch.zeros_like(part) for part in ctx.weights]
        while ctx.steps:
            start, end, children, parents = ctx.steps.pop()
            own = gradient[ctx.count + start : ctx.count + end]
            below, *parts = torch.autograd.grad(parents, [children, *ctx.weights], own)
            gradient[ctx.pairs[start:end]] += below
            for total, part in zip(totals, parts, strict=True):
                total += part
        return gradient[: ctx.count], None, None, *totals


def propagate(
    leaves: Tensor, pairs: Tensor, levels: Tensor, weight: Tensor, bias: Tensor
) -> Tensor:
    """Return the states (nodes, 2 H) of a forest, leaves first, from those of its leaves (L, 2 H).

    pairs: int64 (inner, 2), the children of each inner node, which are on lower levels. levels:
    int64 (heights + 1,), the end of each level, from 0. In an exported graph this is one node.
    """
    if not torch.compiler.is_exporting():
        states: Tensor = _Propagate.apply(leaves, pairs, levels, weight, bias)
        return states
    return torch.onnx.ops.symbolic(
        f"{DOMAIN}::TreeLSTM",
        (leaves, pairs, levels, weight, bias),
        dtype=leaves.dtype,
        shape=[leaves.shape[0] + pairs.shape[0], leaves.shape[1]],
        version=1,
    )


class TreeLSTM(nn.Module):
    """Classifies every node of every tree.

    A leaf's state is an affine map of its word's row in `table`, so it has the two halves of an
    inner node's state. In training mode `dropout` applies to the embeddings and to the input of the
    head. `statistics`, which are computed in evaluation mode only, become `ood_features`.
    """

    def __init__(
        self,
        *,
        table: nn.Embedding | WordsInContext,
        classes: int,
        hidden: int,
        dropout: float = 0.0,
        statistics: WordCounts | WordSum | None = None,
    ) -> None:
        super().__init__()
        self.hidden, self._statistics = hidden, statistics
        self.embed = table
        self.leaf = nn.Linear(table.embedding_dim, 2 * hidden)
        self.weight = nn.Parameter(torch.empty(2 * hidden, 5 * hidden))
        self.bias = nn.Parameter(torch.zeros(5 * hidden))
        nn.init.xavier_uniform_(self.weight)
        nn.init.ones_(self.bias[hidden : 3 * hidden].detach())  # open forget gates at the start
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, classes)

    def forward(
        self, tokens: Tensor, left: Tensor, right: Tensor, levels: Tensor, roots: Tensor
    ) -> Tensor:
        """Return logits float32 for a forest: (nodes, classes) in training, else (trees, classes).

        The inputs are int64, in the layout of `app.batching.forest`.
        """
        output = self.read(tokens, left, right, levels, roots)
        assert output.nodes is not None
        return output.nodes if self.training else output.logits

    def read(
        self, tokens: Tensor, left: Tensor, right: Tensor, levels: Tensor, roots: Tensor
    ) -> ModelOutput:
        """Return the logits of the roots and of all nodes; the embedding is the roots' h."""
        vectors = self.vectors(tokens, left, right)
        leaves = self.leaf(self.dropout(vectors))
        hidden, memory = leaves.chunk(2, dim=1)
        leaves = torch.cat([hidden.tanh(), memory], dim=1)
        added = None
        if self._statistics is not None and not self.training:
            added = self._statistics.leaf_values(tokens).to(leaves.dtype)
        states = self._propagate(leaves, added, torch.stack([left, right], 1), levels)
        hidden, features = states[:, : self.hidden], None
        nodes = self.head(self.dropout(hidden))
        if self._statistics is not None and added is not None:
            sums = states[roots, -added.shape[1] :]
            features = self._statistics.compute(sums, vectors, levels, roots - tokens.shape[0])
        return ModelOutput(nodes[roots], hidden[roots], nodes=nodes, ood_features=features)

    def vectors(self, tokens: Tensor, left: Tensor, right: Tensor) -> Tensor:
        """Return the words' vectors, float32 (leaves, d): their rows of the table."""
        vectors: Tensor = self.embed(tokens)
        return vectors

    def _propagate(
        self, leaves: Tensor, added: Tensor | None, pairs: Tensor, levels: Tensor
    ) -> Tensor:
        """Return the states of all nodes; their last columns are the sums of `added` below them."""
        if added is None:
            return propagate(leaves, pairs, levels, self.weight, self.bias)
        hidden, memory = leaves.chunk(2, dim=1)
        states = torch.cat([hidden, torch.zeros_like(added), memory, added], dim=1)
        weights = with_counter_units(self.weight, self.bias, added.shape[1])
        return propagate(states, pairs, levels, *weights)

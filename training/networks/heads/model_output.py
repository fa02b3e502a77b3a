"""What a network says of its inputs besides logits, all of one pass.

Training needs logits alone and calls `forward`; what is exported calls `read`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class ModelOutput(NamedTuple):
    """One pass over a batch.

    logits: float32 (batch, classes). embedding: float32 (batch, d), the features that the last
    layer reads. evidence: of a label for each item, int64 (batch,), how much each place of the
    input adds to its logit, beyond what it adds to the labels' mean; float32 (batch, rows,
    columns) of pictures, (batch, bands, frames) of sounds, (batch, time) of texts and 0 at
    padding. nodes: of trees instead, the logits of every node, float32 (nodes, classes). traits:
    what an input is like, whatever its label, float32 (batch, t).
    """

    logits: Tensor
    embedding: Tensor
    attribution: Callable[[Tensor], Tensor] | None = None
    nodes: Tensor | None = None
    ood_features: Tensor | None = None

    @property
    def features(self) -> Tensor:
        """By what novelty is told: the traits, where there are any, else the embedding."""
        return self.embedding if self.ood_features is None else self.ood_features


def centred_label_weights(weight: Tensor, labels: Tensor) -> Tensor:
    """Return the rows of a last layer's `weight` (classes, d) for `labels` (batch,), (batch, d).

    The labels' mean is taken off: what speaks for every label alike speaks for none.
    """
    return (weight - weight.mean(0))[labels]


def averaged(outputs: Sequence[ModelOutput]) -> ModelOutput:
    """Return the members' mean logits and evidence, and their embeddings side by side.

    Evidence is told if all members tell it.
    """
    attribution = None
    told = [output.attribution for output in outputs if output.attribution is not None]
    if len(told) == len(outputs):

        def attribution(labels: Tensor) -> Tensor:
            return mean([tell(labels) for tell in told])

    return ModelOutput(
        mean([output.logits for output in outputs]),
        torch.cat([output.embedding for output in outputs], 1),
        attribution,
    )


def mean(parts: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors of one shape."""
    return torch.stack(list(parts), -1).mean(-1)

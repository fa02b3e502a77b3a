"""The output of a network: logits, embedding, attribution and more from one pass.

Training needs the logits alone and calls `forward`; the exported module calls `read`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class ModelOutput(NamedTuple):
    """The output of one pass over a batch.

    logits: float32 (batch, classes). embedding: float32 (batch, d), the input of the last layer.
    attribution: maps a label for each item, int64 (batch,), to how much each position of the input
    adds to the label's logit, minus what it adds to the mean logit of all labels; float32 (batch,
    rows, columns) for images, (batch, bands, frames) for sounds, (batch, time) for texts, with 0 at
    padding. nodes: for trees, the logits of all nodes, float32 (nodes, classes). ood_features:
    features for the novelty score that describe an input whatever its label, float32 (batch, t).
    """

    logits: Tensor
    embedding: Tensor
    attribution: Callable[[Tensor], Tensor] | None = None
    nodes: Tensor | None = None
    ood_features: Tensor | None = None

    @property
    def features(self) -> Tensor:
        """The features for the novelty score: `ood_features`, else the embedding."""
        return self.embedding if self.ood_features is None else self.ood_features


def centred_label_weights(weight: Tensor, labels: Tensor) -> Tensor:
    """Return the rows of a last layer's `weight` (classes, d) for `labels` (batch,), (batch, d).

    The mean row is subtracted: a feature that raises all logits alike supports no label.
    """
    return (weight - weight.mean(0))[labels]


def averaged(outputs: Sequence[ModelOutput]) -> ModelOutput:
    """Return the mean logits and attribution of an ensemble, and the concatenated embeddings.

    There is an attribution only if all members have one.
    """
    attribution = None
    parts = [output.attribution for output in outputs if output.attribution is not None]
    if len(parts) == len(outputs):

        def attribution(labels: Tensor) -> Tensor:
            return mean([part(labels) for part in parts])

    return ModelOutput(
        mean([output.logits for output in outputs]),
        torch.cat([output.embedding for output in outputs], 1),
        attribution,
    )


def mean(parts: Sequence[Tensor]) -> Tensor:
    """Return the mean of tensors of one shape."""
    return torch.stack(list(parts), -1).mean(-1)

"""Training objectives: each computes a loss from the inputs before and after augmentation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

# The network, its inputs, the inputs before augmentation, and the targets → the loss, and the
# accuracy, None where there is none.
Objective = Callable[
    [nn.Module, Sequence[Tensor], Sequence[Tensor], Tensor], tuple[Tensor, Tensor | None]
]
# Logits and targets of a training batch → a term that is added to the loss.
AuxiliaryLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """The cross-entropy of a network's logits; `weights` (labels,) float32 weigh the labels."""

    weights: Tensor | None = None
    smoothing: float = 0.0
    auxiliary_loss: AuxiliaryLoss | None = None

    def __call__(
        self,
        network: nn.Module,
        inputs: Sequence[Tensor],
        clean: Sequence[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss and the accuracy."""
        logits = network(*inputs)
        if logits.ndim > targets.ndim + 1:  # an ensemble, whose members are trained independently
            targets = targets[:, None].expand(-1, logits.shape[2])
        weights = None if self.weights is None else self.weights.to(logits.device)
        loss = functional.cross_entropy(logits, targets, weights, label_smoothing=self.smoothing)
        if self.auxiliary_loss is not None:
            loss = loss + self.auxiliary_loss(logits, targets)
        return loss, (logits.argmax(1) == targets).float().mean()


@dataclass(frozen=True, slots=True)
class PixelCrossEntropy:
    """The cross-entropy of each pixel with the image before augmentation; it ignores the labels.

    The network maps uint8 images to logits of their pixels.
    """

    def __call__(
        self,
        network: nn.Module,
        inputs: Sequence[Tensor],
        clean: Sequence[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss; there is no accuracy."""
        target = clean[0].float() / 255
        return functional.binary_cross_entropy_with_logits(network(*inputs), target), None


@runtime_checkable
class LikelihoodModel(Protocol):
    """A network that computes the likelihood of its targets without computing all logits."""

    def log_likelihoods(self, *inputs_and_targets: Tensor) -> Tensor:
        """Return the log-probability of each target, in the targets' shape."""
        ...

    def most_likely(self, *inputs: Tensor) -> Tensor:
        """Return the most likely class for each target, int64, in the targets' shape."""
        ...


@dataclass(frozen=True, slots=True)
class NextWordLoss:
    """The mean negative log-likelihood of the words; the network is a `LikelihoodModel`."""

    def __call__(
        self,
        network: nn.Module,
        inputs: Sequence[Tensor],
        clean: Sequence[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss and, in evaluation mode, the share of words predicted correctly."""
        assert isinstance(network, LikelihoodModel)
        loss = -network.log_likelihoods(*inputs, targets).mean()
        if network.training:
            return loss, None
        return loss, (network.most_likely(*inputs) == targets).float().mean()


def polarity_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of positive against negative, over targets that are not neutral.

    The labels are ordered, an odd number with the neutral one in the middle. The probabilities on
    either side of it are summed, as `training.measuring.trees.polarity_accuracy` sums them.
    logits: float32 (nodes, labels) or (nodes, labels, members). targets: int64 (nodes,) or (nodes,
    members); below 0 where there is none.
    """
    neutral = logits.shape[1] // 2
    positive, negative = logits[:, neutral + 1 :], logits[:, :neutral]
    margin = positive.logsumexp(1) - negative.logsumexp(1)
    counted = (targets >= 0) & (targets != neutral)
    losses = functional.softplus(torch.where(targets > neutral, -margin, margin))
    return (losses * counted).sum() / counted.sum().clamp(min=1)

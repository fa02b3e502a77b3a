"""What a network is trained to do: a loss, told the inputs as they are and as they were spoilt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn import functional

# The network, its inputs, the inputs before they were changed, and the targets → the loss, and
# the share of right answers where an answer can be right.
Objective = Callable[
    [nn.Module, Sequence[Tensor], Sequence[Tensor], Tensor], tuple[Tensor, Tensor | None]
]
# Logits and targets of a training batch → a further term of the loss.
AuxiliaryLoss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Cross-entropy on a network's logits; `weights` (labels,) float32 weigh the labels.

    auxiliary_loss: a term that is added to the loss.
    """

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
        if logits.ndim > targets.ndim + 1:  # an ensemble: each member learns on its own
            targets = targets[:, None].expand(-1, logits.shape[2])
        weights = None if self.weights is None else self.weights.to(logits.device)
        loss = functional.cross_entropy(logits, targets, weights, label_smoothing=self.smoothing)
        if self.auxiliary_loss is not None:
            loss = loss + self.auxiliary_loss(logits, targets)
        return loss, (logits.argmax(1) == targets).float().mean()


@dataclass(frozen=True, slots=True)
class PixelCrossEntropy:
    """The cross-entropy of every pixel with the image as it was; labels are not looked at.

    The network gives logits of the pixels, of uint8 images.
    """

    def __call__(
        self,
        network: nn.Module,
        inputs: Sequence[Tensor],
        clean: Sequence[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss; no answer is right or wrong."""
        wanted = clean[0].float() / 255
        return functional.binary_cross_entropy_with_logits(network(*inputs), wanted), None


@runtime_checkable
class LikelihoodModel(Protocol):
    """A network whose way to the likelihood of its targets is shorter than through all logits."""

    def log_likelihoods(self, *inputs_and_targets: Tensor) -> Tensor:
        """Return the log-probability of each target, in the targets' shape."""
        ...

    def most_likely(self, *inputs: Tensor) -> Tensor:
        """Return what is told for each target, int64, in the targets' shape."""
        ...


@dataclass(frozen=True, slots=True)
class NextWordLoss:
    """The negative log-likelihood of every word, of a network that `LikelihoodModel`."""

    def __call__(
        self,
        network: nn.Module,
        inputs: Sequence[Tensor],
        clean: Sequence[Tensor],
        targets: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the mean loss and, where nothing is learnt, the share of words foretold."""
        assert isinstance(network, LikelihoodModel)
        loss = -network.log_likelihoods(*inputs, targets).mean()
        if network.training:
            return loss, None
        return loss, (network.most_likely(*inputs) == targets).float().mean()


def polarity_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy of good against bad, where the target is not the middle label.

    Of an odd number of labels in order, the probabilities of either side of the middle one are
    summed, as the figure that is told does. logits: float32 (nodes, labels) or (nodes, labels,
    members). targets: int64 (nodes,) or (nodes, members); below 0 where there is none.
    """
    neutral = logits.shape[1] // 2
    good, bad = logits[:, neutral + 1 :], logits[:, :neutral]
    margin = good.logsumexp(1) - bad.logsumexp(1)
    told = (targets >= 0) & (targets != neutral)
    losses = functional.softplus(torch.where(targets > neutral, -margin, margin))
    return (losses * told).sum() / told.sum().clamp(min=1)

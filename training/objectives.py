"""What a network is trained to do: a loss, told the inputs as they are and as they were spoilt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

# The network, its inputs, the inputs before they were changed, and the targets → the loss, and
# the share of right answers where an answer can be right.
Objective = Callable[
    [nn.Module, Sequence[Tensor], Sequence[Tensor], Tensor], tuple[Tensor, Tensor | None]
]


@dataclass(frozen=True, slots=True)
class Classify:
    """Cross-entropy on a network's logits; `weights` (labels,) float32 weigh the labels."""

    weights: Tensor | None = None
    smoothing: float = 0.0

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
        return loss, (logits.argmax(1) == targets).float().mean()


@dataclass(frozen=True, slots=True)
class Reconstruct:
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

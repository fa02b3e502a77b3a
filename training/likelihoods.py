"""What the training loop asks of a network that has too many labels to tell them all."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class TellsLikelihoods(Protocol):
    """A network whose way to the likelihood of its targets is shorter than through all logits."""

    def log_likelihoods(self, *inputs_and_targets: Tensor) -> Tensor:
        """Return the log-probability of each target, in the targets' shape."""
        ...

    def likeliest(self, *inputs: Tensor) -> Tensor:
        """Return what is told for each target, int64, in the targets' shape."""
        ...

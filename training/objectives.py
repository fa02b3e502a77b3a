"""What a network is asked for beside the cross-entropy of its labels."""

import torch
from torch import Tensor
from torch.nn import functional


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

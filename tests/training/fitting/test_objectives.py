"""The loss of good against bad, against cross-entropy of the summed probabilities."""

import torch
from torch.nn import functional

from training.fitting.objectives import polarity_loss


def test_polarity_loss_is_the_cross_entropy_of_summed_probabilities() -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, -100])
    shares = logits.softmax(1)
    sides = torch.stack([shares[:, :2].sum(1), shares[:, 3:].sum(1)], 1)
    actual = torch.tensor([0, 1, 3, 4])
    expected = functional.nll_loss(
        (sides / sides.sum(1, keepdim=True)).log()[actual], torch.tensor([0, 0, 1, 1])
    )
    assert torch.allclose(polarity_loss(logits, targets), expected, atol=1e-6)


def test_polarity_loss_of_an_ensemble() -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 5, 3), torch.tensor([0, 1, 2, 3, 4, 2])
    each = [polarity_loss(logits[:, :, member], targets) for member in range(3)]
    together = polarity_loss(logits, targets[:, None].expand(-1, 3))
    assert torch.allclose(together, torch.stack(each).mean(), atol=1e-6)


def test_polarity_loss_ignores_neutral_nodes() -> None:
    logits = torch.randn(2, 5, requires_grad=True)
    loss = polarity_loss(logits, torch.tensor([2, -100]))
    loss.backward()
    assert loss == 0 and logits.grad is not None and not logits.grad.any()

"""The loss of good against bad, against cross-entropy of the summed probabilities; soft targets."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.fitting.objectives import Classify, polarity_loss


def test_it_is_the_cross_entropy_of_the_summed_probabilities() -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, -100])
    shares = logits.softmax(1)
    sides = torch.stack([shares[:, :2].sum(1), shares[:, 3:].sum(1)], 1)
    told = torch.tensor([0, 1, 3, 4])
    expected = functional.nll_loss(
        (sides / sides.sum(1, keepdim=True)).log()[told], torch.tensor([0, 0, 1, 1])
    )
    assert torch.allclose(polarity_loss(logits, targets), expected, atol=1e-6)


def test_members_are_asked_alike() -> None:
    torch.manual_seed(1)
    logits, targets = torch.randn(6, 5, 3), torch.tensor([0, 1, 2, 3, 4, 2])
    each = [polarity_loss(logits[:, :, member], targets) for member in range(3)]
    together = polarity_loss(logits, targets[:, None].expand(-1, 3))
    assert torch.allclose(together, torch.stack(each).mean(), atol=1e-6)


def test_neutral_nodes_ask_for_nothing() -> None:
    logits = torch.randn(2, 5, requires_grad=True)
    loss = polarity_loss(logits, torch.tensor([2, -100]))
    loss.backward()
    assert loss == 0 and logits.grad is not None and not logits.grad.any()


class Says(nn.Module):
    """Answers with what it was given."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits


def test_certain_probabilities_are_labels() -> None:
    torch.manual_seed(1)
    labels = torch.tensor([0, 1, 2, 3, 4, 2])
    certain = functional.one_hot(labels, 5).float()
    objective = Classify(beside=polarity_loss)
    for logits in (torch.randn(6, 5), torch.randn(6, 5, 3)):
        hard, soft = (objective(Says(), [logits], [], told) for told in (labels, certain))
        for one, other in zip(hard, soft, strict=True):
            assert one is not None and other is not None and torch.allclose(one, other)


def test_the_loss_is_linear_in_probabilities_of_like_neutrality() -> None:
    torch.manual_seed(1)
    logits, certain = torch.randn(6, 5), torch.eye(5)
    told, other = torch.rand(6, 5).softmax(1), certain[[0, 1, 3, 4, 0, 1]]
    told = told + told[:, 2:3] * (certain[0] - certain[2])  # none of it neutral
    loss = Classify(beside=polarity_loss)
    mixed, *parts = (
        loss(Says(), [logits], [], targets)[0]
        for targets in (0.3 * told + 0.7 * other, told, other)
    )
    assert torch.allclose(mixed, 0.3 * parts[0] + 0.7 * parts[1], atol=1e-6)

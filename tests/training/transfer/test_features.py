"""A last layer in closed form: standardised regression = one linear layer, and it is the best."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tests.training.samples import Toy, squares
from training.errors import TrainingError
from training.measuring.evaluate import logits_of
from training.networks.heads.model_output import ModelOutput
from training.transfer.features import STRENGTHS, embeddings, fit_head


class Reader(nn.Module):
    """Sixteen fixed features, the last of them always the same, and a last layer."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.head = nn.Linear(16, labels)
        with torch.no_grad():
            self.first.weight[15] = 0

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        features = self.first(image.to(torch.float32).flatten(1))
        return ModelOutput(self.head(features), features)


class Together(nn.Module):
    """Networks that answer as one, their embeddings side by side."""

    def __init__(self, members: list[Reader]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        outputs = [member.read(image) for member in self.members]
        logits = torch.stack([output.logits for output in outputs]).mean(0)
        return ModelOutput(logits, torch.cat([output.embedding for output in outputs], 1))


class Joined(nn.Module):
    """One last layer over what several networks see."""

    def __init__(self, readers: list[Reader]) -> None:
        super().__init__()
        self.readers, self.head = nn.ModuleList(readers), nn.Linear(32, 2)

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        features = torch.cat([reader.read(image).embedding for reader in self.readers], 1)
        return ModelOutput(self.head(features), features)


def test_the_folded_layer_is_the_standardised_regression():
    torch.manual_seed(0)
    network, train, validation = Reader(), squares(60, 1), squares(20, 2)
    first = network.first.weight.clone()
    history = fit_head(network, train, validation)
    features = embeddings(network, train)
    scale = np.where(features.std(axis=0) < 1e-6, 1.0, features.std(axis=0))
    standard = (features - features.mean(axis=0)) / scale
    best = LogisticRegression(C=STRENGTHS[history.kept_epoch - 1], max_iter=1000)
    expected = best.fit(standard, train.targets).decision_function(standard)
    logits = logits_of(network, train)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-3)
    assert torch.equal(network.first.weight, first)


def test_the_curve_is_that_of_the_strengths():
    network, train, validation = Reader(3), squares(60, 1), squares(30, 2)
    for examples in (train, validation):
        examples.targets[::5] = 2
    history = fit_head(network, train, validation)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert len(losses) == len(STRENGTHS) and history.kept_epoch == 1 + int(np.argmin(losses))
    kept = history.epochs[history.kept_epoch - 1]
    right = (logits_of(network, validation).argmax(1) == validation.targets).mean()
    assert kept.accuracy == pytest.approx(right)


def test_without_an_embedding_there_is_nothing_to_fit():
    with pytest.raises(TrainingError, match="reads its embedding"):
        fit_head(Toy(), squares(8, 1), squares(8, 2))


def test_the_members_of_an_ensemble_share_the_regression():
    """Their mean = one last layer over all their embeddings."""
    torch.manual_seed(0)
    members, train, validation = [Reader(), Reader()], squares(60, 1), squares(20, 2)
    pair = Together(members)
    one = Joined(members)
    for network in (pair, one):
        fit_head(network, train, validation)
    np.testing.assert_allclose(logits_of(pair, validation), logits_of(one, validation), atol=1e-3)
    assert len({member.head.weight.shape for member in members}) == 1


def test_a_member_without_a_last_layer_cannot_be_fitted():
    odd = Reader()
    odd.head = nn.Identity()
    odd.first = nn.Identity()
    with pytest.raises(TrainingError, match="tune this one"):
        fit_head(Together([Reader(), odd]), squares(8, 1), squares(8, 2))

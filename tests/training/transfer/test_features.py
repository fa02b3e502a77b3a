"""A last layer in closed form: standardised regression = one linear layer, and it is the best."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from tests.training.samples import Toy, squares
from training.data.encode import Examples
from training.data.encoded import in_memory
from training.data.folds import folds_of
from training.errors import TrainingError
from training.exporting.known_outputs import known_outputs
from training.measuring.evaluate import features_of, logits_of
from training.measuring.novelty import fit_novelty
from training.networks.heads.model_output import ModelOutput
from training.transfer.features import CHOOSING_FOLDS, STRENGTHS, embeddings, fit_head
from training.transfer.regression import FINE, FeatureScale, regression, regression_path


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
    network, train = Reader(), squares(60, 1)
    first = network.first.weight.clone()
    history = fit_head(network, train)
    features = embeddings(network, train)
    scale = np.where(features.std(axis=0) < 1e-6, 1.0, features.std(axis=0))
    standard = (features - features.mean(axis=0)) / scale
    best = LogisticRegression(C=STRENGTHS[history.kept_epoch - 1], max_iter=9999, tol=1e-9)
    expected = best.fit(standard, train.targets).decision_function(standard)
    logits = logits_of(network, train)
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], expected, atol=1e-3)
    assert torch.equal(network.first.weight, first)


def test_the_curve_is_that_of_the_strengths_on_folds():
    network, train = Reader(3), squares(60, 1)
    train.targets[::5] = 2
    history = fit_head(network, train)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert history.kept_epoch == 1 + int(np.argmin(losses))
    features, folds = embeddings(network, train), folds_of(train.samples, train.targets)
    features = FeatureScale.of(features).standardised(features)
    strength, found = STRENGTHS[history.kept_epoch - 1], np.empty((60, 3))
    for fold in range(CHOOSING_FOLDS):
        rest = folds != fold
        model = LogisticRegression(C=strength, max_iter=9999, tol=1e-9)
        found[~rest] = model.fit(features[rest], train.targets[rest]).predict_proba(features[~rest])
    own = found[np.arange(60), train.targets][folds < CHOOSING_FOLDS]
    expected = -np.log(own).mean()
    assert losses[history.kept_epoch - 1] == pytest.approx(expected, abs=2e-3)


def test_without_an_embedding_there_is_nothing_to_fit():
    with pytest.raises(TrainingError, match="reads its embedding"):
        fit_head(Toy(), squares(8, 1))


def test_the_members_of_an_ensemble_share_the_regression():
    """Their mean = one last layer over all their embeddings."""
    torch.manual_seed(0)
    members, train, validation = [Reader(), Reader()], squares(60, 1), squares(20, 2)
    pair = Together(members)
    one = Joined(members)
    for network in (pair, one):
        fit_head(network, train)
    np.testing.assert_allclose(logits_of(pair, validation), logits_of(one, validation), atol=1e-3)
    assert len({member.head.weight.shape for member in members}) == 1


def test_a_member_without_a_last_layer_cannot_be_fitted():
    odd = Reader()
    odd.head = nn.Identity()
    odd.first = nn.Identity()
    with pytest.raises(TrainingError, match="tune this one"):
        fit_head(Together([Reader(), odd]), squares(8, 1))


@pytest.mark.parametrize("labels", [2, 5])
def test_the_path_is_that_of_cold_starts(labels: int):
    rng = np.random.default_rng(labels)
    targets = rng.integers(0, labels, 200)
    points = rng.normal(size=(200, 8)) + rng.normal(size=(labels, 8))[targets]
    scale = FeatureScale.of(points.astype(np.float32))
    features = scale.standardised(points.astype(np.float32))
    np.testing.assert_allclose(features.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features.std(axis=0), 1, atol=1e-6)
    path = list(regression_path(features, targets, STRENGTHS, labels))
    assert len(path) == len(STRENGTHS)
    for strength, rough in list(zip(STRENGTHS, path, strict=True))[::3]:
        fine = regression(features, targets, strength, rough, gradient=FINE)
        found = LogisticRegression(C=strength, max_iter=9999, tol=1e-9).fit(features, targets)
        expected = found.predict_proba(features)
        scores = np.exp(features @ fine.weight.T + fine.bias)
        np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), expected, atol=2e-3)


def test_weights_are_those_of_scikit_learn():
    rng = np.random.default_rng(7)
    targets = (rng.random(200) < 0.1).astype(np.int64)
    features = (rng.normal(size=(200, 4)) + targets[:, None]).astype(np.float32)
    weights = np.where(targets == 1, 5.0, 0.5).astype(np.float32)
    (rough,) = regression_path(features, targets, [0.1], 2, weights)
    fine = regression(features, targets, 0.1, rough, weights=weights, gradient=FINE)
    found = LogisticRegression(C=0.1, max_iter=9999, tol=1e-9).fit(features, targets, weights)
    scores = np.exp(features @ fine.weight.T + fine.bias)
    shares = scores / scores.sum(1, keepdims=True)
    np.testing.assert_allclose(shares, found.predict_proba(features), atol=2e-3)


def test_within_a_run_the_training_samples_are_embedded_once():
    class Counting(Reader):
        seen = 0

        def read(self, image: Tensor) -> ModelOutput:
            self.seen += len(image)
            return super().read(image)

    torch.manual_seed(0)
    network, train, validation = Counting(), held(squares(60, 1)), held(squares(40, 2))
    with known_outputs():
        fit_head(network, train)
        assert network.seen == 60
        head, _ = fit_novelty(network, train, validation)
        assert network.seen == 101  # one is read to see which features there are
        with torch.no_grad():
            network.first.weight[0] += 1
        features_of(network, train)
        assert network.seen == 161  # of other weights nothing is known
    again, _ = fit_novelty(reset(network), train, validation)
    assert head is not None and again is not None
    assert head.state_dict().keys() == again.state_dict().keys()
    for name, value in head.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])


def held(examples: Examples) -> Examples:
    return replace(examples, items=in_memory({"image": examples.batch(range(len(examples)))[0][0]}))


def reset(network: Reader) -> Reader:
    torch.manual_seed(0)
    network.first.load_state_dict(Reader().first.state_dict())
    return network

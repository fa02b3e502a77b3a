"""Feature extraction: the network is frozen, and its last layer is a logistic regression.

The embeddings are computed once and standardised; the regression has one optimum, which L-BFGS
finds. The loss on the validation split chooses the strength of the regularisation.
"""

import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import nn

from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.graph import run_network
from training.fitting.curve import Epoch, History
from training.networks.backbones.freezing import heads, set_heads
from training.networks.network import ReadableNetwork, members_of
from training.recipes.recipe import Recipe

STRENGTHS = tuple(10.0 ** (half / 2) for half in range(-9, 1))  # scikit-learn's C, weakest last
_STEPS = 1000
_FLAT = 1e-6  # a feature that varies less is left as it is


def extract(network: nn.Module, train: Examples, validation: Examples, recipe: Recipe) -> History:
    """Fit the last layer in place; an "epoch" of the curve is one strength of regularisation."""
    return fit_head(network, train, validation)


def fit_head(network: nn.Module, train: Examples, validation: Examples) -> History:
    """Fit the network's last layer by regression; return one epoch per strength.

    All members of an ensemble get the same weights. Raises `TrainingError` when a member has no
    last layer, or the network gives no embedding.
    """
    last = last_layers(network)
    if not last:
        raise TrainingError(
            "feature extraction needs a network whose last layer reads its embedding; tune this one"
        )
    features, held_out = embeddings(network, train), embeddings(network, validation)
    mean, std = features.mean(axis=0), features.std(axis=0)
    std[std < _FLAT] = 1.0
    history, best = History(), None
    for strength in STRENGTHS:
        started = time.perf_counter()
        weight, bias = _regression((features - mean) / std, train.targets, strength)
        weight = weight / std
        bias = bias - weight @ mean
        scores = [part @ weight.T + bias for part in (features, held_out)]
        loss, held_out_loss = (
            _loss(part, examples.targets)
            for part, examples in zip(scores, (train, validation), strict=True)
        )
        accuracy = float((scores[1].argmax(1) == validation.targets).mean())
        seconds = time.perf_counter() - started
        history.epochs.append(
            Epoch(len(history.epochs) + 1, loss, held_out_loss, accuracy, seconds)
        )
        if best is None or held_out_loss < best[0]:
            best = held_out_loss, weight, bias
            history.kept_epoch = len(history.epochs)
    assert best is not None
    set_heads(last, torch.from_numpy(best[1]).float(), torch.from_numpy(best[2]).float())
    network.eval()
    return history


def last_layers(network: nn.Module) -> list[nn.Linear]:
    """Return the last layer of the network, or of each member; none without a single linear one."""
    last = heads(network)
    readable = isinstance(network, ReadableNetwork)
    return last if readable and len(last) == len(members_of(network)) else []


def embeddings(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return the network's embedding of every example, float64 (samples, d)."""
    found = run_network(
        network,
        examples,
        lambda *inputs: network.read(*inputs).embedding,  # type: ignore[operator]
    )
    return found.astype(np.float64)


def _regression(
    features: np.ndarray, targets: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (labels, d) and bias (labels,); two labels get half of the logit each."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=strength, max_iter=_STEPS).fit(features, targets)
    weight, bias = model.coef_, model.intercept_
    if len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias


def _loss(scores: np.ndarray, targets: np.ndarray) -> float:
    """Return the mean cross-entropy of logits (samples, labels)."""
    largest = scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(scores - largest).sum(axis=1)) + largest[:, 0]
    return float((total - scores[np.arange(len(targets)), targets]).mean())

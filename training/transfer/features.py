"""Feature extraction: the network is frozen, and its last layer is a logistic regression.

The embeddings are computed once and standardised. At each strength of the regularisation the
regression has one optimum, see `training.transfer.regression`; the loss on the validation split
chooses among them.
"""

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.graph import run_network
from training.exporting.known_outputs import FEATURES_OUTPUT, body_digest, keep, key
from training.fitting.curve import Epoch, History
from training.fitting.fit import Schedule, class_weights
from training.networks.backbones.freezing import heads, set_heads
from training.networks.network import ReadableNetwork, members_of
from training.recipes.recipe import Recipe
from training.transfer.regression import (
    FINE,
    FeatureScale,
    Solution,
    cross_entropy,
    regression,
    regression_path,
)

STRENGTHS = tuple(10.0 ** (half / 2) for half in range(-9, 1))  # scikit-learn's C, weakest last
_WORSE = 1.05  # times the lowest validation loss: clearly worse
_LOG = logging.getLogger(__name__)


def extract(network: nn.Module, train: Examples, validation: Examples, recipe: Recipe) -> History:
    """Fit the last layer in place; an "epoch" of the curve is one strength of regularisation."""
    return fit_head(network, train, validation, recipe.schedule)


def fit_head(
    network: nn.Module, train: Examples, validation: Examples, schedule: Schedule | None = None
) -> History:
    """Fit the network's last layer by regression; return one epoch per strength.

    Strengths weaker than one that is clearly worse are not tried. schedule: has the class weights,
    which weigh the validation loss too where the schedule says so. All members of an ensemble get
    the same weights. Raises `TrainingError` when a member has no last layer, or the network gives
    no embedding.
    """
    last = last_layers(network)
    if not last:
        raise TrainingError(
            "feature extraction needs a network whose last layer reads its embedding; tune this one"
        )
    features, held_out = embeddings(network, train), embeddings(network, validation)
    scale = FeatureScale.of(features)
    features, held_out = scale.standardised(features), scale.standardised(held_out)
    labels, weights = last[0].out_features, _weights(train, validation, schedule)
    history, best, started = History(), None, time.perf_counter()
    for solution in regression_path(features, train.targets, STRENGTHS, labels, weights[0]):
        losses = []
        parts = ((features, train, weights[0]), (held_out, validation, weights[1]))
        for part, examples, weight in parts:
            scores = _scores(part, solution)
            losses.append(cross_entropy(scores, examples.targets, weight))
        accuracy = float((scores.argmax(1) == validation.targets).mean())
        _note(history, losses, accuracy, time.perf_counter() - started)
        if best is None or losses[1] < best[0]:
            best = losses[1], solution
            history.kept_epoch = len(history.epochs)
        if losses[1] > _WORSE * best[0]:
            break
        started = time.perf_counter()
    assert best is not None
    best_c = STRENGTHS[history.kept_epoch - 1]
    kept = regression(features, train.targets, best_c, best[1], weights=weights[0], gradient=FINE)
    _set_last_layer(last, kept, scale)
    network.eval()
    return history


def _set_last_layer(last: Sequence[nn.Linear], kept: Solution, scale: FeatureScale) -> None:
    """Set the last layers to the solution for features as they are, not standardised."""
    weight = kept.weight / scale.deviation
    bias = kept.bias - weight @ scale.mean
    set_heads(last, torch.from_numpy(weight).float(), torch.from_numpy(bias).float())


def _note(history: History, losses: Sequence[float], accuracy: float, seconds: float) -> None:
    """Append a strength to the curve, and log a line; accuracy: on the validation samples."""
    number = len(history.epochs) + 1
    history.epochs.append(Epoch(number, losses[0], losses[1], accuracy, seconds))
    _LOG.info(
        "strength %2d/%d  loss %.4f  validation %.4f  accuracy %.2f %%  %.1f s",
        number,
        len(STRENGTHS),
        *losses,
        100 * accuracy,
        seconds,
    )


def _scores(features: np.ndarray, solution: Solution) -> np.ndarray:
    """Return the logits of standardised features, float32 (samples, labels)."""
    weight, bias = (
        torch.from_numpy(part.astype(np.float32)) for part in (solution.weight, solution.bias)
    )
    return torch.addmm(bias, torch.from_numpy(features), weight.T).numpy()


def _weights(
    train: Examples, validation: Examples, schedule: Schedule | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the weights of the training and of the validation samples, float32; None: all 1."""
    if schedule is None or not schedule.class_weight_power:
        return None, None
    each = class_weights(train.targets, schedule.class_weight_power).numpy()
    return each[train.targets], each[validation.targets] if schedule.weighted_choice else None


def last_layers(network: nn.Module) -> list[nn.Linear]:
    """Return the last layer of the network, or of each member; none without a single linear one."""
    last = heads(network)
    readable = isinstance(network, ReadableNetwork)
    return last if readable and len(last) == len(members_of(network)) else []


def embeddings(network: nn.Module, examples: Examples) -> np.ndarray:
    """Return the network's embedding of every example, float32 (samples, d).

    Within `known_outputs` the novelty score finds it again, where it reads the same.
    """
    assert isinstance(network, ReadableNetwork)
    place = key(body_digest(network), examples, FEATURES_OUTPUT)
    also_features = False

    def embedding(*inputs: Tensor) -> Tensor:
        nonlocal also_features
        found = network.read(*inputs)
        also_features = found.ood_features is None
        return found.embedding

    found = run_network(network, examples, embedding)
    if also_features:
        keep(place, found)
    return found

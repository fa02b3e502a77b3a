"""Feature extraction: the network is frozen, and its last layer is a logistic regression.

The embeddings are computed once and standardised. At each strength of the regularisation the
regression has one optimum, see `training.transfer.regression`; the loss on folds of the training
samples chooses among them, because a validation split of some dozen samples says too little.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from training.data.encode import Examples
from training.data.folds import folds_of
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
_WORSE = 1.05  # times the lowest loss: clearly worse
_FEW = 3_000  # samples, of which several folds choose
CHOOSING_FOLDS = 3  # of so few samples
_LOG = logging.getLogger(__name__)


def extract(network: nn.Module, train: Examples, _: Examples, recipe: Recipe) -> History:
    """Fit the last layer in place; an "epoch" of the curve is one strength of regularisation."""
    return fit_head(network, train, recipe.schedule)


def fit_head(network: nn.Module, train: Examples, schedule: Schedule | None = None) -> History:
    """Fit the network's last layer by regression; return one epoch per strength.

    The strength is that of the lowest loss on folds of the training samples, each predicted by the
    regression of all other folds; the curve has that loss. Of more than `_FEW` samples one fold
    chooses. Strengths weaker than one that is clearly worse are not tried. schedule: has the class
    weights, which weigh that loss too where the schedule says so. All members of an ensemble get
    the same weights. Raises `TrainingError` when a member has no last layer, or the network gives
    no embedding.
    """
    last = last_layers(network)
    if not last:
        raise TrainingError(
            "feature extraction needs a network whose last layer reads its embedding; tune this one"
        )
    features = embeddings(network, train)
    scale = FeatureScale.of(features)
    features, weights = scale.standardised(features), _weights(train, schedule)
    data = _Weighted(features, train.targets, *weights)
    history, start = _chosen(data, folds_of(train.samples, train.targets), last[0].out_features)
    best_c = STRENGTHS[history.kept_epoch - 1]
    kept = regression(features, train.targets, best_c, start, weights=data.learnt, gradient=FINE)
    _set_last_layer(last, kept, scale)
    network.eval()
    return history


class _Weighted(NamedTuple):
    """Standardised features, their targets, and the weights of samples that are learnt or judge."""

    features: np.ndarray
    targets: np.ndarray
    learnt: np.ndarray | None
    judging: np.ndarray | None

    def some(self, places: np.ndarray) -> "_Weighted":
        """Return the samples at some places, bool (samples,)."""
        weights = [None if each is None else each[places] for each in (self.learnt, self.judging)]
        return _Weighted(self.features[places], self.targets[places], *weights)

    def path(self, labels: int) -> Iterator[Solution]:
        """Yield the solution for each strength."""
        return regression_path(self.features, self.targets, STRENGTHS, labels, self.learnt)


def _chosen(data: _Weighted, folds: np.ndarray, labels: int) -> tuple[History, Solution]:
    """Return the curve of the strengths, and a solution at the best one."""
    history, best, started = History(), None, time.perf_counter()
    judging = range(CHOOSING_FOLDS) if len(folds) <= _FEW else [0]
    pairs = [
        (data.some(folds != fold), data.some(folds == fold))
        for fold in judging
        if 0 < (folds == fold).sum() < len(folds)
    ] or [(data, data)]
    sizes = [len(judges.targets) for _, judges in pairs]
    for solutions in zip(*(learnt.path(labels) for learnt, _ in pairs), strict=True):
        each = list(zip(pairs, solutions, strict=True))
        own = np.mean([_figures(learnt, solution)[0] for (learnt, _), solution in each])
        judged = [_figures(judges, solution) for (_, judges), solution in each]
        loss, accuracy = np.average(judged, axis=0, weights=sizes).tolist()
        _note(history, (float(own), loss), accuracy, time.perf_counter() - started)
        if best is None or loss < best[0]:
            best = loss, solutions[-1]
            history.kept_epoch = len(history.epochs)
        if loss > _WORSE * best[0]:
            break
        started = time.perf_counter()
    assert best is not None
    return history, best[1]


def _figures(data: _Weighted, solution: Solution) -> tuple[float, float]:
    """Return the cross-entropy and the accuracy of a solution."""
    scores = _scores(data.features, solution)
    loss = cross_entropy(scores, data.targets, data.judging)
    return loss, float((scores.argmax(1) == data.targets).mean())


def _set_last_layer(last: Sequence[nn.Linear], kept: Solution, scale: FeatureScale) -> None:
    """Set the last layers to the solution for features as they are, not standardised."""
    weight = kept.weight / scale.deviation
    bias = kept.bias - weight @ scale.mean
    set_heads(last, torch.from_numpy(weight).float(), torch.from_numpy(bias).float())


def _note(history: History, losses: Sequence[float], accuracy: float, seconds: float) -> None:
    """Append a strength to the curve, and log a line; accuracy: of the samples that judge."""
    number = len(history.epochs) + 1
    history.epochs.append(Epoch(number, losses[0], losses[1], accuracy, seconds))
    _LOG.info(
        "strength %2d/%d  loss %.4f  held out %.4f  accuracy %.2f %%  %.1f s",
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
    train: Examples, schedule: Schedule | None
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the weights of samples that are learnt, and that judge, float32; None: all 1."""
    if schedule is None or not schedule.class_weight_power:
        return None, None
    each = class_weights(train.targets, schedule.class_weight_power).numpy()[train.targets]
    return each, each if schedule.weighted_choice else None


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

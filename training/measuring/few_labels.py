"""How much a training without labels helps a classifier that has few labels.

The study compares five classifiers (`WAYS`): the network fine-tuned from the autoencoder's weights,
the network trained from random weights, linear classifiers on the frozen network with either
weights, and a linear classifier on the pixels. All learn from the same labelled samples of the
training split, of which each seed draws a new set.
"""

import copy
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from app.bundle import Measurement
from training.data.encode import Examples
from training.fitting.fit import Augment, Schedule, fit
from training.measuring.detector import encode_images, images_of
from training.measuring.evaluate import logits_of
from training.networks.convolutional.autoencoder import Autoencoder, CodeClassifier

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Study:
    """The settings of the comparison.

    augment: changes the samples of the trained networks. labels: the numbers of labels per class.
    draws: the number of draws of labelled samples. steps: of training, one batch each. strength:
    scikit-learn's C of the linear classifiers.
    """

    augment: Augment
    learning_rate: float
    learning_rate_from_scratch: float
    labels: tuple[int, ...] = (2, 5, 10)
    draws: int = 10
    steps: int = 150
    batch_size: int = 64
    strength: float = 0.1

    def schedule(self, rate: float) -> Schedule:
        """Return the schedule of one epoch of `steps` batches."""
        return Schedule(1, self.batch_size, rate, weight_decay=0.05, verbose=False)


@dataclass(frozen=True, slots=True)
class WayResult:
    """The accuracies of one classifier, by the number of labels per class and then by draw."""

    name: str
    accuracies: Mapping[int, list[float]] = field(default_factory=dict)


def few_labels(
    network: Autoencoder, study: Study, train: Examples, tested: Examples
) -> list[WayResult]:
    """Return the accuracies of each classifier on `tested`, in the order of `WAYS`.

    Logs a line for each draw.
    """
    results = [WayResult(name, {count: [] for count in study.labels}) for name in WAYS]
    for draw in range(study.draws):
        contest = _Contest(network, study, train, tested, draw)
        for count in study.labels:
            few = draw_labelled(train, count, draw)
            for result, accuracy in zip(results, contest.enter(few), strict=True):
                result.accuracies[count].append(accuracy)
        _LOG.info("draw %d/%d of few labels", draw + 1, study.draws)
    return results


WAYS = (
    "pretrained, fine-tuned",
    "from scratch",
    "pretrained, frozen, linear",
    "random weights, frozen, linear",
    "pixels, linear",
)


class _Contest:
    """One draw of labelled samples: all classifiers, with the same seed."""

    def __init__(
        self, network: Autoencoder, study: Study, train: Examples, tested: Examples, seed: int
    ) -> None:
        self._network, self._study, self._train, self._tested = network, study, train, tested
        self._seed = seed
        torch.manual_seed(seed)
        self._random = _reset(network)
        spaces = [
            (encode_images(each, images_of(train)), encode_images(each, images_of(tested)))
            for each in (network, self._random)
        ]
        self._spaces = [_standardised(*space) for space in spaces]
        flat = [images_of(part).reshape(len(part), -1) / 255 for part in (train, tested)]
        self._spaces.append((flat[0], flat[1]))

    def enter(self, few: np.ndarray) -> Iterator[float]:
        """Yield the accuracy of each classifier, in the order of `WAYS`."""
        study = self._study
        yield self._trained(self._network, few, study.learning_rate)
        yield self._trained(self._random, few, study.learning_rate_from_scratch)
        for known, tested in self._spaces:
            linear = LogisticRegression(C=study.strength, max_iter=1000)
            linear.fit(known[few], self._train.targets[few])
            yield float(linear.score(tested, self._tested.targets))

    def _trained(self, start: Autoencoder, few: np.ndarray, rate: float) -> float:
        study, classes = self._study, int(self._train.targets.max()) + 1
        torch.manual_seed(self._seed)
        classifier = CodeClassifier(copy.deepcopy(start.encoder), classes)
        labelled = self._train.select(few.tolist())
        again = np.resize(few, study.steps * study.batch_size)  # as one epoch
        fit(
            classifier,
            self._train.select(again.tolist()),
            labelled,
            study.schedule(rate),
            seed=self._seed,
            augment=study.augment,
        )
        predicted = logits_of(classifier, self._tested).argmax(1)
        return float((predicted == self._tested.targets).mean())


def draw_labelled(train: Examples, count: int, seed: int) -> np.ndarray:
    """Return the indices of `count` samples of each class, int64, drawn by `seed`."""
    generator = np.random.default_rng([seed, count])
    return np.concatenate(
        [
            generator.choice(np.flatnonzero(train.targets == label), count, replace=False)
            for label in np.unique(train.targets)
        ]
    )


def few_labels_measurements(
    results: Sequence[WayResult], split: str, samples: int
) -> list[Measurement]:
    """Return the mean accuracies and their deviations over the draws."""
    return [
        Measurement(
            name=f"{what}, {count} labels per class, {result.name}",
            value=value,
            split=split,
            samples=samples,
        )
        for result in results
        for count, accuracies in result.accuracies.items()
        for what, value in (
            ("accuracy", float(np.mean(accuracies))),
            ("deviation of the accuracy", float(np.std(accuracies, ddof=1))),
        )
    ]


def few_labels_table(results: Sequence[WayResult]) -> str:
    """Return the results as a table in Markdown: mean ± deviation over the draws."""
    counts = list(results[0].accuracies)
    rows = [
        f"| {result.name} | "
        + " | ".join(
            f"{np.mean(result.accuracies[n]):.3f} ± {np.std(result.accuracies[n], ddof=1):.3f}"
            for n in counts
        )
        + " |"
        for result in results
    ]
    heads = " | ".join(f"{count} labels per class" for count in counts)
    return "\n".join([f"| | {heads} |", "|---" * (len(counts) + 1) + "|", *rows])


def _reset(network: Autoencoder) -> Autoencoder:
    """Return a copy of the network with random initial weights."""
    fresh = copy.deepcopy(network)
    for module in fresh.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d | nn.BatchNorm2d):
            module.reset_parameters()
    return fresh


def _standardised(known: np.ndarray, tested: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, deviation = known.mean(0), known.std(0) + 1e-6
    return (known - mean) / deviation, (tested - mean) / deviation

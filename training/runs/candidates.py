"""One candidate of `--start auto`: how long it takes, and how well it does on samples it never saw.

Times are measured on a few samples and are proportional to the number of samples. A candidate with
epochs first trains for a quarter of those that it may have: one that is far behind then stops
(successive halving; Jamieson and Talwalkar, 2016).
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from torch import nn

from training.data.dataset import Sample, name_of
from training.data.encode import Examples, encode
from training.errors import BadData
from training.fitting.checkpoint import without_checkpoints
from training.fitting.fit import class_weights
from training.measuring.calibration import fit_temperature, softmax
from training.measuring.evaluate import logits_of
from training.modalities import TrainingModalities
from training.recipes.recipe import Recipe, Start
from training.runs.fit_recipe import train_network
from training.runs.own_data import balanced
from training.runs.prepare import with_node_targets
from training.runs.spent_time import Clock

NO_EPOCHS: tuple[Start, ...] = ("linear", "features")
_PROBED = (16, 96)  # samples that times are measured on
_WITH_REGRESSION = 1.5  # times a pass over the samples: a pass, and a regression
_QUARTER = 4
_FAR_BEHIND = 2.0  # times the loss of the best; four times the epochs hardly make it up


class UnreadableSamples(BadData):
    """A part of the comparison has no readable sample."""


@dataclass(frozen=True, slots=True)
class ComparisonParts:
    """The samples of a comparison: to learn from, to stop by, and to judge by."""

    learn: Sequence[Sample]
    stop: Sequence[Sample]
    judge: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds for each training sample: once in a training, and in each epoch."""

    once: float
    epoch: float

    def epochs_in(self, seconds: float, samples: int, most: int) -> int:
        """Return how many epochs fit into the time, at most `most`; without epochs 1 or 0."""
        left = seconds - self.once * samples
        if left < 0:
            return 0
        return most if self.epoch <= 0 else int(min(most, left / (self.epoch * samples)))


@dataclass(frozen=True, slots=True)
class Trial:
    """How one candidate did.

    losses: the cross-entropy of each judging sample at the best temperature, float64, weighted as
    in the training; None where it was not trained, and `why` says why.
    epochs: as many as it could have; None where it has none. weights: the numbers in the network.
    pace: how long a training of it takes. judges: the names of the judging samples.
    """

    recipe: Recipe
    epochs: int | None = None
    weights: int = 0
    accuracy: float = 0.0
    losses: np.ndarray | None = None
    pace: Pace = Pace(0.0, 0.0)
    why: str = ""
    judges: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The start, the trained network that it starts from, and a learning rate of a search."""
        lineage = self.recipe.lineage
        source = f" from {lineage.source}" if lineage.source else ""
        rate = f", learning rate {lineage.learning_rate:.3g}" if lineage.learning_rate else ""
        return f"{lineage.start}{source}{rate}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """About so many seconds of the clock. best: the mean loss of the best candidate before."""

    seconds: float
    clock: Clock
    best: float = math.inf


@dataclass(frozen=True, slots=True)
class _EncodedParts:
    files: dict[str, bytes]
    learn: Examples
    stop: Examples
    judge: Examples


def most_epochs(recipe: Recipe) -> int:
    """Return how many epochs a training of the recipe may have; 1 where it has none."""
    return 1 if recipe.lineage.start in NO_EPOCHS else recipe.schedule.epochs


def try_candidate(
    recipe: Recipe,
    labels: Sequence[str],
    parts: ComparisonParts,
    allowance: Allowance,
    modalities: TrainingModalities,
) -> Trial:
    """Train a candidate for at most about so many seconds, and judge it."""
    clock = allowance.clock
    started = clock()
    encoded = _encoded(recipe, labels, parts, modalities)
    reading = (clock() - started) / len(encoded.learn)
    recipe = balanced(recipe, encoded.learn.targets)
    pace = _probe(recipe, len(labels), encoded, clock)
    left = allowance.seconds - (clock() - started)
    epochs = pace.epochs_in(left, len(encoded.learn), most_epochs(recipe))
    judged = partial(_judged, recipe, len(labels), encoded, pace, clock)
    if epochs == 0:
        needed = (pace.once + pace.epoch) * len(encoded.learn)
        why = f"not tried: it needs about {needed:.0f} s, {max(left, 0):.0f} s were left"
        trial = Trial(recipe, pace=pace, why=why)
    elif epochs >= _QUARTER and allowance.best < math.inf:
        trial = _in_two_rounds(judged, epochs, allowance.best)
    else:
        trial = judged(epochs)
    return replace(trial, pace=replace(trial.pace, once=trial.pace.once + reading))


def _in_two_rounds(judged: Callable[[int], Trial], epochs: int, best: float) -> Trial:
    """Return the trial of a quarter of the epochs, given up, or else that of the others."""
    first = epochs // _QUARTER
    trial = judged(first)
    assert trial.losses is not None
    loss = float(trial.losses.mean())
    if loss <= _FAR_BEHIND * best:
        return judged(epochs - first)
    why = f"given up after {first} of {epochs} epochs, at a cross-entropy of {loss:.3f}"
    return Trial(trial.recipe, pace=trial.pace, why=why)


def _judged(
    recipe: Recipe, labels: int, parts: _EncodedParts, pace: Pace, clock: Clock, epochs: int
) -> Trial:
    """Train for so many epochs; return how well the network does, and the pace that was seen."""
    with_epochs = recipe.lineage.start not in NO_EPOCHS
    began = clock()
    network, ran = _trained(recipe, labels, parts, epochs)
    took = (clock() - began) / len(parts.learn)
    pace = Pace(pace.once, max(took - pace.once, 0.0) / ran) if with_epochs else Pace(took, 0.0)
    targets = parts.judge.targets
    logits = logits_of(network, parts.judge)
    chances = softmax(logits, fit_temperature(logits, targets))
    losses = -np.log(np.maximum(chances[np.arange(len(chances)), targets], 1e-12))
    weights = class_weights(targets, recipe.schedule.class_weight_power).numpy()[targets]
    return Trial(
        recipe,
        epochs if with_epochs else None,
        sum(tensor.numel() for tensor in network.state_dict().values()),
        float((logits.argmax(1) == targets).mean()),
        losses * weights,
        pace,
        judges=tuple(name_of(parts.judge.samples, i) for i in range(len(targets))),
    )


def _encoded(
    recipe: Recipe, labels: Sequence[str], parts: ComparisonParts, modalities: TrainingModalities
) -> _EncodedParts:
    """Encode the parts; what cannot be read is left out here, and named by the final training."""
    spec, files = recipe.prepare(parts.learn)
    encoder = modalities[spec.kind].encoder(spec, files)
    found = [
        encode(encoder, part, labels, spec.tensors())[0]
        for part in (parts.learn, parts.stop, parts.judge)
    ]
    if min(map(len, found)) == 0:
        raise UnreadableSamples("too few readable samples to compare candidates")
    found[0] = with_node_targets(recipe, found[0])
    return _EncodedParts(files, *found)


def _trained(
    recipe: Recipe, labels: int, parts: _EncodedParts, epochs: int
) -> tuple[nn.Module, int]:
    """Return the network, and how many epochs it took."""
    schedule = replace(recipe.schedule, epochs=epochs, verbose=False)
    recipe = replace(recipe, schedule=schedule)
    with without_checkpoints():
        network, history = train_network(recipe, labels, parts.learn, parts.stop, parts.files)
    return network, max(len(history.epochs), 1)


def _probe(recipe: Recipe, labels: int, parts: _EncodedParts, clock: Clock) -> Pace:
    """Measure the pace: what more samples take, and what a second epoch takes.

    The first training also starts libraries, so it is not timed. Where there are no epochs, a pass
    of the network says what a sample takes: a regression on so few takes as long as on many.
    """
    few, more = (_few(parts, count) for count in _PROBED)
    samples = len(more.learn)
    with _without_lines():
        network, _ = _trained(recipe, labels, few, 1)
        if recipe.lineage.start in NO_EPOCHS:
            began = clock()
            logits_of(network, more.learn)
            return Pace(_WITH_REGRESSION * (clock() - began) / samples, 0.0)
        seconds = partial(_seconds, recipe, labels, clock=clock)
        short, long, two = seconds(few, 1), seconds(more, 1), seconds(more, 2)
    both = max(long - short, 1e-6) / max(samples - len(few.learn), 1)
    epoch = max(two - long, 1e-6) / samples
    return Pace(max(both - epoch, 0.0), epoch)


@contextmanager
def _without_lines() -> Iterator[None]:
    """Let trainings of a few samples log nothing: their lines would be taken for those of all."""
    logger = logging.getLogger("training")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _few(parts: _EncodedParts, count: int) -> _EncodedParts:
    """Return so many of the samples to learn from, evenly chosen."""
    places = np.linspace(0, len(parts.learn) - 1, min(len(parts.learn), count)).astype(int)
    stop = parts.stop.select(range(min(len(parts.stop), 8)))
    return replace(parts, learn=parts.learn.select(np.unique(places).tolist()), stop=stop)


def _seconds(
    recipe: Recipe, labels: int, parts: _EncodedParts, epochs: int, *, clock: Clock
) -> float:
    began = clock()
    _trained(recipe, labels, parts, epochs)
    return clock() - began

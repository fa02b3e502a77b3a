"""Which trial wins: the lowest cross-entropy, or a much smaller network that is hardly worse.

Of candidates that are not worse than the best by more than one standard error, sample by sample,
one of half the size or less wins. The time that is left decides the number of epochs.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.data.sources import warn
from training.exporting.card.markdown import cell
from training.runs.candidates import Pace, Trial, most_epochs

_ENOUGH_JUDGES, _NEXT_TO_NONE = 100, 0.02  # samples, and a cross-entropy: hardly one error
_MUCH_SMALLER = 0.5  # times the numbers in the best network


def pick_winner(
    trials: Sequence[Trial], left: float, *, samples: int, learnt: int
) -> tuple[Trial, int]:
    """Return the best trial whose training fits into the time that is left, and its epochs.

    left: seconds. samples: to train on. learnt: those that the candidates learnt from.
    """
    tried = [trial for trial in trials if trial.losses is not None]
    if not tried:
        warn(f"--minutes leaves no time for a comparison: --start {trials[0].recipe.lineage.start}")
        if trials[0].pace == Pace(0.0, 0.0):  # not even measured
            return trials[0], 1
        tried = [replace(trials[0], losses=np.zeros(1))]
    epochs = {
        trial.name: trial.pace.epochs_in(left, samples, most_epochs(trial.recipe))
        for trial in tried
    }
    fitting = [trial for trial in tried if epochs[trial.name]]
    if not fitting:
        fitting = [min(tried, key=lambda trial: trial.pace.once + trial.pace.epoch)]
        needed = (fitting[0].pace.once + fitting[0].pace.epoch) * samples
        warn(f"training will take about {needed / 60:.0f} minutes, longer than --minutes allows")
    best = best_trial(fitting)
    if best.epochs is None:
        return best, 1
    # With fewer steps than in the comparison it would not be the network that was judged.
    least = -(-best.epochs * learnt // samples)
    if epochs[best.name] < least:
        warn(f"it trains for {least} epochs, as in the comparison: longer than --minutes allows")
    return best, max(epochs[best.name], least)


def lowest_loss(trials: Sequence[Trial]) -> float:
    """Return the lowest mean loss of these trials; infinity where none has losses."""
    means = (float(trial.losses.mean()) for trial in trials if trial.losses is not None)
    return min(means, default=math.inf)


def hardly_beaten(trial: Trial) -> bool:
    """Return whether the loss is next to 0, and enough samples say so: no other can be lower."""
    if trial.losses is None or len(trial.losses) < _ENOUGH_JUDGES:
        return False
    return float(trial.losses.mean()) < _NEXT_TO_NONE


def best_trial(trials: Sequence[Trial]) -> Trial:
    """Return the best trial, or the smallest that is much smaller, and not clearly worse."""
    losses = _of_common_judges(trials)
    place = min(range(len(trials)), key=lambda i: float(losses[i].mean()))
    best, lowest = trials[place], losses[place]
    equal = [best]
    for trial, each in zip(trials, losses, strict=True):
        worse = each - lowest  # sample by sample
        smaller = trial.weights <= _MUCH_SMALLER * best.weights
        if smaller and worse.mean() <= worse.std() / np.sqrt(len(worse)):
            equal.append(trial)
    return min(equal, key=lambda trial: trial.weights)


def _of_common_judges(trials: Sequence[Trial]) -> list[np.ndarray]:
    """Return the losses of the samples that every trial could read; a trial had losses."""
    if len({trial.judges for trial in trials}) == 1:
        return [trial.losses for trial in trials if trial.losses is not None]
    common = set.intersection(*(set(trial.judges) for trial in trials))
    return [
        trial.losses[[name in common for name in trial.judges]]
        for trial in trials
        if trial.losses is not None
    ]


def candidates_table(trials: Sequence[Trial], best: Trial) -> str:
    """Return the candidates as a Markdown table, in the order in which they were tried."""
    lines = [
        "| start | accuracy | cross-entropy | epochs | numbers in the network | |",
        "|---|---|---|---|---|---|",
    ]
    for trial in trials:
        figures, remark = " | | | ", trial.why
        if trial.losses is not None:
            figures = (
                f"{100 * trial.accuracy:.1f} % | {trial.losses.mean():.3f} "
                f"| {trial.epochs or ''} | {trial.weights:,}"
            )
            remark = "chosen" if trial.name == best.name else ""
        lines.append(f"| {cell(trial.name)} | {figures} | {cell(remark)} |")
    return "\n".join(lines)

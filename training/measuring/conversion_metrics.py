"""Figures of a converted graph against the graph that it was made from: accuracy, speed, size."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle import Bundle, Conformal, Manifest, Measurement, NoveltyScore
from app.bundle.tensors import Arrays
from app.runtime.providers import CPU, Device
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.card.data import ReliabilityBins
from training.exporting.graph import feeds_for
from training.measuring.calibration import expected_calibration_error, reliability_bins
from training.measuring.evaluate import (
    ClassifierOutputs,
    classifier_outputs,
    confusion_of,
    to_measurements,
)
from training.measuring.reliability import refit_thresholds, reliability_figures

_ROUNDS, _SIZES = 40, (1, 8)  # runs of each graph, and items in a run


@dataclass(frozen=True, slots=True)
class ConversionData:
    """Encoded items to calibrate the conversion with, to measure it by, and to set thresholds on.

    split: names the test items. targets: int64 (items,), of the test items. held_out: sets the
    thresholds. The last two are None for unlabelled data.
    """

    calibration: Sequence[Arrays]
    test: Sequence[Arrays]
    split: str
    targets: np.ndarray | None = None
    held_out: Examples | None = None


@dataclass(frozen=True, slots=True)
class ConversionResult:
    """Figures for the card, thresholds for the manifest, and the confusion of a converted graph.

    speed: how many times as fast it is as the original, for one item. lost: the loss of accuracy,
    or the share of changed predictions where the data have no labels; then there are also no
    prediction sets, and the novelty threshold stays.
    """

    metrics: tuple[Measurement, ...]
    speed: float
    lost: float
    conformal: Conformal | None = None
    novelty: NoveltyScore | None = None
    confusion: np.ndarray | None = None
    reliability: ReliabilityBins | None = None


def compare_conversion(
    bundle: Bundle, model: bytes, items: ConversionData, device: Device
) -> ConversionResult:
    """Compare the converted graph `model` with the bundle's graph on the same device."""
    manifest, sessions = bundle.manifest, [Session(m, device) for m in (bundle.model, model)]
    sessions[1].check(manifest.inputs, manifest.outputs)
    before, after = (classifier_outputs(manifest, session, items.test) for session in sessions)
    predicted = [answers.probabilities.argmax(1) for answers in (before, after)]
    difference = np.abs(before.probabilities - after.probabilities).max()
    figures = {
        "largest difference of a probability from float32": float(difference),
        "predicted the same as by float32": float((predicted[0] == predicted[1]).mean()),
    }
    speeds = {count: speed_up(manifest, sessions, items.test[:count]) for count in _SIZES}
    costs = [*_speed_figures(speeds, sessions[0].provider), _size_figure(bundle.model, model)]
    speed = speeds[1]
    if items.targets is None or items.held_out is None:
        lost = 1 - figures["predicted the same as by float32"]
        figures |= _abstention_agreement(manifest.novelty, before, after)
        metrics = (*to_measurements(figures, items.split, len(items.test)), *costs)
        return ConversionResult(metrics, speed, lost, novelty=manifest.novelty)
    right = [float((labels == items.targets).mean()) for labels in predicted]
    error = expected_calibration_error(after.probabilities, items.targets)
    figures = {
        "accuracy": right[1],
        "accuracy in float32": right[0],
        "expected calibration error": error,
        **figures,
    }
    held_out = classifier_outputs(manifest, sessions[1], items.held_out.items)
    rules = refit_thresholds(held_out, items.held_out.targets, manifest.novelty)
    trust = reliability_figures(after, items.targets, rules, items.split)
    metrics = (*to_measurements(figures, items.split, len(items.test)), *trust, *costs)
    confusion = confusion_of(after.probabilities, items.targets)
    bins = reliability_bins(after.probabilities, items.targets, items.split)
    return ConversionResult(
        metrics, speed, right[0] - right[1], rules.conformal, rules.novelty, confusion, bins
    )


def speed_up(manifest: Manifest, sessions: Sequence[Session], items: Sequence[Arrays]) -> float:
    """Return how many times as fast the second of two sessions runs a batch as the first.

    It is the ratio of the medians of `_ROUNDS` runs, which alternate. On a CPU it counts the CPU
    seconds of this process, which the load of other processes does not change; else seconds.
    """
    batch = feeds_for(manifest, items)
    clock = time.process_time if sessions[0].provider == CPU else time.perf_counter
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 5):
        for session, seconds in zip(sessions, taken, strict=True):
            start = clock()
            session.run(batch)
            if number >= 5:  # warm by then
                seconds.append(clock() - start)
    return float(np.median(taken[0]) / np.median(taken[1]))


def _speed_figures(speeds: Mapping[int, float], provider: str) -> list[Measurement]:
    """Return the figures on speed; speeds: by the number of items in a run."""
    clock = "CPU time, one thread" if provider == CPU else provider
    return [
        Measurement(
            name=f"times as fast as float32, {count} item{'s' if count > 1 else ''} a run",
            value=ratio,
            split=clock,
            samples=_ROUNDS,
        )
        for count, ratio in speeds.items()
    ]


def _size_figure(published: bytes, converted: bytes) -> Measurement:
    """Return the size of the converted graph as a share of the published one's."""
    name, size = "size of the graph against float32", len(converted)
    return Measurement(name=name, value=size / len(published), split="bytes", samples=size)


def _abstention_agreement(
    score: NoveltyScore | None, before: ClassifierOutputs, after: ClassifierOutputs
) -> dict[str, float]:
    """Return the share of items that both graphs, or neither, abstain from."""
    if score is None or before.novelty is None or after.novelty is None:
        return {}
    novel = [found >= score.threshold for found in (before.novelty, after.novelty)]
    return {"abstained the same as by float32": float(np.mean(novel[0] == novel[1]))}

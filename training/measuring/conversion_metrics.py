"""A converted graph beside the one that it was made from: answers, speed, size."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.bundle import Bundle, Conformal, Manifest, Measurement, NoveltyScore
from app.bundle.tensors import Arrays
from app.runtime.providers import CPU, Device
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.graph import feeds_for
from training.measuring.answers import Answers, answers_of
from training.measuring.calibrate import expected_calibration_error
from training.measuring.evaluate import confusion_of
from training.measuring.measurements import measured
from training.measuring.trust import renewed, trust_figures

_ROUNDS, _SIZES = 40, (1, 8)  # runs of each graph, and items in a run


@dataclass(frozen=True, slots=True)
class Items:
    """Encoded items: to calibrate the conversion with, to judge by, and to set thresholds on.

    Without labels, `test` has items alone and nothing is held out.
    """

    calibration: Sequence[Arrays]
    test: Sequence[Arrays]
    split: str
    targets: np.ndarray | None = None
    held_out: Examples | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What the conversion brought: figures for the card, thresholds, and the confusion.

    Where there are no labels there are no label sets, and the threshold of novelty stays.
    """

    metrics: tuple[Measurement, ...]
    speed: float
    lost: float
    conformal: Conformal | None = None
    novelty: NoveltyScore | None = None
    confusion: np.ndarray | None = None


def judge(bundle: Bundle, model: bytes, items: Items, device: Device) -> Judged:
    """Measure the converted graph beside the published one."""
    manifest, sessions = bundle.manifest, [Session(m, device) for m in (bundle.model, model)]
    sessions[1].check(manifest.inputs, manifest.outputs)
    before, after = (answers_of(manifest, session, items.test) for session in sessions)
    called = [answers.probabilities.argmax(1) for answers in (before, after)]
    difference = np.abs(before.probabilities - after.probabilities).max()
    figures = {
        "largest difference of a probability from float32": float(difference),
        "called the same as by float32": float((called[0] == called[1]).mean()),
    }
    speed, costs = _costs(manifest, sessions, items, (bundle.model, model))
    if items.targets is None or items.held_out is None:
        lost = 1 - figures["called the same as by float32"]
        figures |= _same_doubts(manifest.novelty, before, after)
        metrics = (*measured(figures, items.split, len(items.test)), *costs)
        return Judged(metrics, speed, lost, novelty=manifest.novelty)
    right = [float((labels == items.targets).mean()) for labels in called]
    error = expected_calibration_error(after.probabilities, items.targets)
    figures = {
        "accuracy": right[1],
        "accuracy in float32": right[0],
        "expected calibration error": error,
        **figures,
    }
    held_out = answers_of(manifest, sessions[1], items.held_out.items)
    rules = renewed(held_out, items.held_out.targets, manifest.novelty)
    trust = trust_figures(after, items.targets, rules, items.split)
    metrics = (*measured(figures, items.split, len(items.test)), *trust, *costs)
    confusion = confusion_of(after.probabilities, items.targets)
    return Judged(metrics, speed, right[0] - right[1], *rules, confusion)


def speed_up(manifest: Manifest, sessions: Sequence[Session], items: Sequence[Arrays]) -> float:
    """Return how many times as fast the second of two sessions runs a batch as the first.

    The median of `_ROUNDS` runs of each in turn: of this process's CPU seconds on a CPU, which
    others' load does not lengthen, else of seconds.
    """
    batch = feeds_for(manifest, items)
    clock = time.process_time if sessions[0].provider == CPU else time.perf_counter
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(_ROUNDS + 5):
        for session, seconds in zip(sessions, taken, strict=True):
            begun = clock()
            session.run(batch)
            if number >= 5:  # warm by then
                seconds.append(clock() - begun)
    return float(np.median(taken[0]) / np.median(taken[1]))


def _costs(
    manifest: Manifest, sessions: Sequence[Session], items: Items, graphs: tuple[bytes, bytes]
) -> tuple[float, list[Measurement]]:
    """Return how many times as fast one item is, and the figures on speed and size."""
    clock = "CPU time, one thread" if sessions[0].provider == CPU else sessions[0].provider
    speeds = {count: speed_up(manifest, sessions, items.test[:count]) for count in _SIZES}
    metrics = [
        Measurement(
            name=f"times as fast as float32, {count} item{'s' if count > 1 else ''} a run",
            value=ratio,
            split=clock,
            samples=_ROUNDS,
        )
        for count, ratio in speeds.items()
    ]
    old, new = map(len, graphs)
    name = "size of the graph against float32"
    metrics.append(Measurement(name=name, value=new / old, split="bytes", samples=new))
    return speeds[1], metrics


def _same_doubts(score: NoveltyScore | None, before: Answers, after: Answers) -> dict[str, float]:
    """Return how often an item is novel to both or to neither."""
    if score is None or before.novelty is None or after.novelty is None:
        return {}
    novel = [told >= score.threshold for told in (before.novelty, after.novelty)]
    return {"abstained the same as by float32": float(np.mean(novel[0] == novel[1]))}

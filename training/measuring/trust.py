"""What an exported classifier says of its own answers: set up on data that nothing was fitted to,
measured on the untouched test split and on data of other kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.bundle import Conformal, Measurement, NoveltyScore
from app.bundle.tensors import NOVELTY, PROBABILITIES
from app.outputs import is_credible, tells_nothing
from training.data.encode import Examples
from training.data.sources import warn
from training.exporting.graph import run_graph
from training.measuring.answers import Answers
from training.measuring.calibrate import log_loss
from training.measuring.conformal import COVERAGE, least_ambiguous, set_figures
from training.measuring.evaluate import probabilities_of
from training.measuring.novelty import novelty_figures, quantile_threshold

# From where on an answer is doubted, as a manifest has it; see `app.outputs.doubt`.
Rules = tuple[Conformal | None, NoveltyScore | None]


@dataclass(frozen=True, slots=True)
class Trust:
    """What the manifest and the card say of label sets and novelty; None: too few samples."""

    conformal: Conformal | None
    novelty: NoveltyScore | None
    metrics: tuple[Measurement, ...]


def assess(
    model: bytes,
    novelty: NoveltyScore | None,
    calibration: Examples,
    test: Examples,
    outliers: Mapping[str, Examples],
) -> Trust:
    """Set the threshold of the label sets, and measure sets and novelty."""
    probabilities = probabilities_of(model, test, PROBABILITIES)
    figures = [
        Measurement(
            name="negative log-likelihood",
            value=log_loss(probabilities, test.targets),
            split="test",
            samples=len(test),
        )
    ]
    conformal = None
    if len(calibration):
        held_out = probabilities_of(model, calibration, PROBABILITIES)
        conformal = least_ambiguous(held_out, calibration.targets)
    if conformal is None:
        few = f"{len(calibration)} calibration samples are too few"
        warn(f"{few} for label sets at {100 * COVERAGE:g} % and for novelty; neither is given")
    else:
        figures += set_figures(conformal, probabilities, test.targets)
    if novelty is not None:
        figures += unlike(model, (conformal, novelty), test, outliers)
    return Trust(conformal, novelty, tuple(figures))


def unlike(
    model: bytes,
    rules: Rules,
    test: Examples,
    outliers: Mapping[str, Examples],
) -> list[Measurement]:
    """Return how novel the outliers are called, and how many answers are abstained, for each.

    test: what the graph knows. rules: those of the manifest.
    """
    figures, scores = [], {}
    for kind, examples in {"test": test, **outliers}.items():
        found = run_graph(model, examples, [PROBABILITIES, NOVELTY])
        scores[kind] = found[NOVELTY]
        answers = Answers(found[PROBABILITIES], scores[kind])
        figures.append(share_abstained(answers, rules, kind))
    return [*novelty_figures(scores.pop("test"), scores), *figures]


def share_abstained(answers: Answers, rules: Rules, split: str) -> Measurement:
    """Return how many answers the service would abstain."""
    withheld = abstained(answers, rules)
    return Measurement(
        name="share of answers abstained",
        value=float(withheld.mean()),
        split=split,
        samples=len(withheld),
    )


def abstained(answers: Answers, rules: Rules) -> np.ndarray:
    """Return which answers the service would abstain, bool (items,); see `app.outputs.doubt`."""
    conformal, score = rules
    withheld = np.zeros(len(answers.probabilities), dtype=bool)
    if answers.novelty is not None and score is not None:
        withheld |= answers.novelty >= score.threshold
    if conformal is not None:
        sizes = is_credible(answers.probabilities, conformal).sum(axis=1)
        withheld |= tells_nothing(sizes, answers.probabilities.shape[1])
    return withheld


def renewed(answers: Answers, targets: np.ndarray, score: NoveltyScore | None) -> Rules:
    """Return thresholds set on other answers than those of the training: of another graph, or data.

    targets: int64 (samples,). No label sets with too few samples, and no novelty where the bundle
    told none or the graph tells none.
    """
    conformal = least_ambiguous(answers.probabilities, targets)
    if score is None or answers.novelty is None:
        return conformal, None
    found = max(quantile_threshold(answers.novelty, score.kept), float(np.finfo(np.float32).tiny))
    changes = {"threshold": found, "samples": len(targets)}
    return conformal, score.model_copy(update=changes)


def trust_figures(
    answers: Answers, targets: np.ndarray, rules: Rules, split: str
) -> list[Measurement]:
    """Return what sets are like, how many answers are withheld, and how right the others are.

    On samples kept aside. Nothing where the manifest has neither rule.
    """
    conformal, score = rules
    if conformal is None and score is None:
        return []
    sets = set_figures(conformal, answers.probabilities, targets, split) if conformal else []
    figures = [*sets, share_abstained(answers, rules, split)]
    if len(right := (answers.probabilities.argmax(1) == targets)[~abstained(answers, rules)]):
        name, value = "accuracy of the answers that are not abstained", float(right.mean())
        figures.append(Measurement(name=name, value=value, split=split, samples=len(right)))
    return figures

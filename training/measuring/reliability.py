"""Prediction sets and abstention: their thresholds are set here, and their effect is measured.

A threshold is set on calibration data, to which nothing else was fitted. Its effect is measured on
other data: the test split, outliers, or labelled files.

Prediction sets are split-conformal: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
World", 2005; Papadopoulos et al., "Inductive Confidence Machines for Regression", ECML 2002 (a
split instead of retraining); Sadinle, Lei and Wasserman, JASA 2019 (LAC, the least ambiguous sets).
A set holds each label whose probability reaches the threshold. The threshold is the probability
that the true labels of all calibration samples but the share 1 - coverage reach. For data that are
exchangeable with the calibration data, the set holds the true label with a probability of
`coverage` to `coverage` + 1 / (samples + 1), over the draw of both. For one calibration set of n
samples the coverage is Beta distributed, with a standard deviation of about
sqrt(coverage (1 - coverage) / n). For other data there is no guarantee.

A set is empty where no label reaches the threshold. This is intended: a model that errs less often
than 1 - coverage can only keep the rate with empty sets for its least certain inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.bundle import AnswerThreshold, Conformal, Manifest, Measurement, NoveltyScore
from app.bundle.tensors import NOVELTY, PROBABILITIES
from app.tasks.reliability import in_prediction_set, is_confident, is_uninformative
from training.data.encode import Examples
from training.data.sources import warn
from training.exporting.graph import run_graph
from training.measuring.answer_threshold import answer_figures
from training.measuring.calibration import log_loss
from training.measuring.evaluate import ClassifierOutputs, evaluate, probabilities_of
from training.measuring.novelty import novelty_figures, quantile_threshold

COVERAGE = 0.95


class AbstentionRules(NamedTuple):
    """The thresholds of a manifest by which the service abstains; see `app.tasks.reliability`."""

    conformal: Conformal | None = None
    novelty: NoveltyScore | None = None
    confidence: AnswerThreshold | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> "AbstentionRules":
        """Return the thresholds of a manifest."""
        return cls(manifest.conformal, manifest.novelty, manifest.confidence)


@dataclass(frozen=True, slots=True)
class ReliabilityReport:
    """Prediction sets and novelty for the manifest, and their figures.

    conformal, novelty: None where there were too few calibration samples. confidence: None where no
    precision was asked for, or none can be promised.
    """

    conformal: Conformal | None
    novelty: NoveltyScore | None
    confidence: AnswerThreshold | None
    metrics: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class CalibrationData:
    """Encoded samples that the network never saw, divided by `split_calibration`.

    name: of the data. selection: sets the temperature. calibration: sets the thresholds. test:
    measures the result.
    """

    name: str
    selection: Examples
    calibration: Examples
    test: Examples


def fit_conformal(
    probabilities: np.ndarray, targets: np.ndarray, coverage: float = COVERAGE
) -> Conformal | None:
    """Return the threshold for sets of this coverage; None with too few samples (below 19 at .95).

    probabilities: float32 (samples, labels), of the exported graph. targets: int64 (samples,).
    """
    truths = np.sort(probabilities[np.arange(len(targets)), targets])
    place = int(np.floor((len(truths) + 1) * (1 - coverage) + 1e-9))
    if place < 1:
        return None
    threshold = float(truths[place - 1])
    return Conformal(coverage=coverage, threshold=threshold, samples=len(truths))


def refit_thresholds(
    outputs: ClassifierOutputs, targets: np.ndarray, score: NoveltyScore | None
) -> AbstentionRules:
    """Return the thresholds for a converted graph, or for other calibration data.

    targets: int64 (samples,). score: the bundle's novelty score. There are no prediction sets with
    too few samples, and no novelty threshold where the bundle or the graph has no novelty.
    """
    conformal = fit_conformal(outputs.probabilities, targets)
    if score is None or outputs.novelty is None:
        return AbstentionRules(conformal)
    found = max(quantile_threshold(outputs.novelty, score.kept), float(np.finfo(np.float32).tiny))
    changes = {"threshold": found, "samples": len(targets)}
    return AbstentionRules(conformal, score.model_copy(update=changes))


def assess_reliability(
    model: bytes,
    novelty: NoveltyScore | None,
    calibration: Examples,
    test: Examples,
    outliers: Mapping[str, Examples],
    confidence: AnswerThreshold | None = None,
) -> ReliabilityReport:
    """Set the threshold of the prediction sets, and measure sets and novelty of a graph.

    confidence: the threshold of confidence, if there is one.
    """
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
        conformal = fit_conformal(held_out, calibration.targets)
    if conformal is None:
        few = f"{len(calibration)} calibration samples are too few"
        warn(f"{few} for label sets at {100 * COVERAGE:g} % and for novelty; neither is given")
    else:
        figures += prediction_set_figures(conformal, probabilities, test.targets)
    if confidence is not None:
        figures += answer_figures(confidence, probabilities, test.targets)
    if novelty is not None:
        rules = AbstentionRules(conformal, novelty, confidence)
        figures += ood_figures(model, rules, test, outliers)
    return ReliabilityReport(conformal, novelty, confidence, tuple(figures))


def prediction_set_figures(
    conformal: Conformal, probabilities: np.ndarray, targets: np.ndarray, split: str = "test"
) -> list[Measurement]:
    """Return coverage and sizes of the sets on data by which nothing was set.

    probabilities: float32 (samples, labels). targets: int64 (samples,). split: names the data.
    """
    sets = in_prediction_set(probabilities, conformal)
    sizes, correct = sets.sum(axis=1), probabilities.argmax(axis=1) == targets
    one = sizes == 1
    figures = {
        f"coverage of the {100 * conformal.coverage:g} % label set": (
            sets[np.arange(len(targets)), targets]
        ),
        "mean size of the label set": sizes,
        "share of empty label sets": sizes == 0,
        "accuracy where the label set is one label": correct[one],
    }
    return [
        Measurement(name=name, value=float(values.mean()), split=split, samples=len(values))
        for name, values in figures.items()
        if len(values)
    ]


def ood_figures(
    model: bytes, rules: AbstentionRules, test: Examples, outliers: Mapping[str, Examples]
) -> list[Measurement]:
    """Return the AUROC of the novelty for each kind of outlier, and the shares of abstentions.

    test: in-distribution data. rules: the manifest's.
    """
    figures, scores = [], {}
    for kind, examples in {"test": test, **outliers}.items():
        found = run_graph(model, examples, [PROBABILITIES, NOVELTY])
        scores[kind] = found[NOVELTY]
        outputs = ClassifierOutputs(found[PROBABILITIES], scores[kind])
        figures.append(share_abstained(outputs, rules, kind))
    return [*novelty_figures(scores.pop("test"), scores), *figures]


def reliability_figures(
    outputs: ClassifierOutputs, targets: np.ndarray, rules: AbstentionRules, split: str
) -> list[Measurement]:
    """Return the figures of the sets, the share of abstentions, and the accuracy of the rest.

    targets: int64 (samples,), of data by which nothing was set. There are no figures where the
    manifest has neither threshold.
    """
    conformal, score, confidence = rules
    if conformal is None and score is None and confidence is None:
        return []
    probabilities = outputs.probabilities
    sets = prediction_set_figures(conformal, probabilities, targets, split) if conformal else []
    figures = [*sets, share_abstained(outputs, rules, split)]
    if confidence is not None:
        figures += answer_figures(confidence, probabilities, targets, split)
    if len(correct := (probabilities.argmax(1) == targets)[~abstained(outputs, rules)]):
        name, value = "accuracy of the answers that are not abstained", float(correct.mean())
        figures.append(Measurement(name=name, value=value, split=split, samples=len(correct)))
    return figures


def labelled_figures(
    outputs: ClassifierOutputs, examples: Examples, rules: AbstentionRules, name: str
) -> list[Measurement]:
    """Return all figures on labelled data by which nothing was set; `name` names the data."""
    likelihood = Measurement(
        name="negative log-likelihood",
        value=log_loss(outputs.probabilities, examples.targets),
        split=name,
        samples=len(examples),
    )
    return [
        *evaluate(outputs.probabilities, examples).measurements(name),
        likelihood,
        *reliability_figures(outputs, examples.targets, rules, name),
    ]


def share_abstained(outputs: ClassifierOutputs, rules: AbstentionRules, split: str) -> Measurement:
    """Return the share of the items for which the service would abstain."""
    found = abstained(outputs, rules)
    return Measurement(
        name="share of answers abstained",
        value=float(found.mean()),
        split=split,
        samples=len(found),
    )


def abstained(outputs: ClassifierOutputs, rules: AbstentionRules) -> np.ndarray:
    """Return for which items the service would abstain, bool (items,)."""
    conformal, score, confidence = rules
    found = np.zeros(len(outputs.probabilities), dtype=bool)
    if outputs.novelty is not None and score is not None:
        found |= outputs.novelty >= score.threshold
    if conformal is not None:
        sizes = in_prediction_set(outputs.probabilities, conformal).sum(axis=1)
        found |= is_uninformative(sizes, outputs.probabilities.shape[1])
    if confidence is not None:
        found |= ~is_confident(outputs.probabilities, confidence.threshold)
    return found

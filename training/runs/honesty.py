"""What a run says besides the accuracy: the figures that keep a useless model from being published.

Figures of each label, a linear baseline, labels that are probably wrong, and a refusal where the
model is worth nothing. See `docs/decisions/0056-never-a-silently-useless-model.md`.
"""

import logging

from app.bundle import Measurement
from app.bundle.tensors import PROBABILITIES
from training.baselines.linear import measure_baseline
from training.baselines.suspects import SuspectReport, suspected_labels
from training.data.sources import warn
from training.errors import TrainingError
from training.exporting.card.markdown import cell, table
from training.measuring.evaluate import (
    ClassificationReport,
    confusion_of,
    count_confusion,
    probabilities_of,
)
from training.measuring.per_label import BALANCED, balanced_accuracy, imbalance_figures, majority
from training.measuring.worth import why_worthless
from training.recipes.recipe import Recipe
from training.runs.findings import Findings
from training.runs.prepare import PreparedData

_LOG = logging.getLogger(__name__)
_IN_CARD, _LISTED = 10, 20


def check_worth(
    recipe: Recipe, data: PreparedData, report: ClassificationReport, model: bytes
) -> tuple[str, ...]:
    """Raise `TrainingError` for a worthless model of own data; return warnings for the card.

    A model that is forced, or that a recipe makes of its author's data, is warned of. report: of
    the graph `model` on the test split.
    """
    answers = probabilities_of(model, data.validation, PROBABILITIES)
    held_out = confusion_of(answers, data.validation.targets)
    most = majority(data.train.targets)
    reason = why_worthless(report.confusion, held_out, most, data.labels)
    if reason is None:
        return ()
    if recipe.demands.forced or not recipe.is_own_data:
        warn(f"{recipe.name} is published although {reason}")
        return (f"It was published although {reason}.",)
    raise TrainingError(
        f"{recipe.name} is not published: {reason}. More samples of the rarer labels or another "
        "start may help; --force publishes it with this warning"
    )


def honest_findings(recipe: Recipe, data: PreparedData, report: ClassificationReport) -> Findings:
    """Return the figures of labels, the baseline where the recipe has none, suspected labels."""
    parts = [label_findings(data, report)]
    if recipe.baseline is None:
        parts.append(baseline_findings(data, report.accuracy))
    if recipe.is_own_data:
        parts.append(suspect_findings(data))
    return Findings.joined(parts)


def label_findings(data: PreparedData, report: ClassificationReport) -> Findings:
    """Return the figures that an imbalance cannot hide; log them in a line."""
    figures = imbalance_figures(report.confusion, data.train.targets)
    named = {figure.name: figure.value for figure in figures}
    _LOG.info(
        "balanced accuracy %.2f %%; always giving the most frequent label has %.2f %% accuracy",
        100 * named[BALANCED],
        100 * figures[-1].value,
    )
    return Findings(tuple(figures))


def baseline_findings(data: PreparedData, accuracy: float) -> Findings:
    """Measure the modality's linear baseline on the test split; warn where it is better.

    accuracy: of the model on the same split.
    """
    baseline = data.modality.baseline
    if baseline is None:
        return Findings()
    found = measure_baseline(baseline, data.train, data.test)
    right = found.predicted == data.test.targets
    confusion = count_confusion(found.predicted, data.test.targets, len(data.labels))
    share = float(right.mean())
    balanced = balanced_accuracy(confusion)
    _LOG.info("the linear baseline has %.2f %% (balanced %.2f %%)", 100 * share, 100 * balanced)
    if share > accuracy:
        warn(
            f"the linear baseline ({found.about}) is more accurate on the test split: "
            f"{100 * share:.2f} % against {100 * accuracy:.2f} %"
        )
    some = "" if found.samples == len(data.train) else f" of {found.samples:,} training samples"
    text = (
        f"## Baseline\n\n{found.about[:1].upper()}{found.about[1:]}{some}: {100 * share:.2f} % on "
        f"the same test split, balanced accuracy {100 * balanced:.2f} %."
    )
    names = ("accuracy of the baseline", "balanced accuracy of the baseline")
    figures = [
        Measurement(name=name, value=value, split="test", samples=len(right))
        for name, value in zip(names, (share, balanced), strict=True)
    ]
    return Findings(tuple(figures), (text,))


def find_suspects(data: PreparedData) -> SuspectReport:
    """Return the samples whose labels are probably wrong; none where there is no baseline."""
    if data.modality.baseline is None:
        return SuspectReport((), 0)
    parts = (data.train, data.validation, data.test)
    return suspected_labels(data.modality.baseline, parts, data.labels)


def suspect_lines(data: PreparedData) -> list[str]:
    """Return a line on each label that is probably wrong, at most 20, and their number."""
    if data.modality.baseline is None:
        return [f"labels that may be wrong: {data.modality.plural} have no baseline to find them"]
    found = find_suspects(data)
    head = f"labels that may be wrong: {len(found.suspects)} of {found.samples} samples"
    lines = [
        f"  {s.name}: {s.given}, more likely {s.likely} ({s.probability:.2f})"
        for s in found.suspects[:_LISTED]
    ]
    return [f"{head}; the most suspicious" if len(found.suspects) > _LISTED else head, *lines]


def suspect_findings(data: PreparedData) -> Findings:
    """Return a section on the labels that are probably wrong, where there are any."""
    found = find_suspects(data)
    if not found.suspects:
        return Findings()
    rows = [
        (cell(s.name), cell(s.given), cell(s.likely), f"{s.probability:.2f}")
        for s in found.suspects[:_IN_CARD]
    ]
    text = (
        f"## Labels that may be wrong\n\nOf {found.samples:,} samples, {len(found.suspects):,} "
        "have a label with which a linear model disagrees that was not fitted to them (confident "
        "learning, Northcutt et al. 2021). A weak model disagrees with right labels too. The most "
        f"suspicious:\n\n{table(['sample', 'label', 'more likely', 'probability'], rows)}"
    )
    return Findings((), (text,))

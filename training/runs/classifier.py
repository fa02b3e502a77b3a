"""One run with labels: data → splits → arrays → network → calibration → graph → bundle."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from app.bundle import Measurement, NoveltyScore
from app.bundle.files import MODEL
from app.bundle.tensors import PROBABILITIES
from app.pipeline import Golden
from training.data.encode import Examples
from training.data.learnt_samples import LEARNT_SAMPLES, record_samples
from training.exporting.card.data import CURVE
from training.exporting.card.figures import draw_curve
from training.exporting.card.render import training_section
from training.exporting.export import Servable, check_parity, export, parity
from training.fitting.curve import History
from training.fitting.ranks import leads
from training.measuring.calibration import (
    expected_calibration_error,
    fit_temperature,
    log_loss,
    softmax,
)
from training.measuring.evaluate import (
    ClassificationReport,
    evaluate,
    logits_of,
    probabilities_of,
    stored_confusion,
)
from training.measuring.faithfulness import deletion_test
from training.measuring.novelty import fit_novelty
from training.measuring.per_label import label_figures
from training.measuring.reliability import ReliabilityReport, assess_reliability
from training.measuring.trees import node_figures, node_temperature
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.networks.network import Banded
from training.outliers import SplitOutliers, gather_split
from training.recipes.recipe import GOLDEN, Recipe
from training.runs.findings import Findings, comparison_findings
from training.runs.fit_recipe import train_network
from training.runs.honesty import check_worth, honest_findings
from training.runs.leave_one_out import leave_one_out
from training.runs.own_data import balanced, split_files, with_recorded_split
from training.runs.prepare import PreparedData, prepare, with_node_targets
from training.runs.promise import check_promise, keep_promise
from training.runs.publish import (
    card_data,
    check_destination,
    golden_from_files,
    golden_from_samples,
    new_manifest,
    prove_and_publish,
    trained_provenance,
)
from training.runs.serving_decision import Publication, PublishPolicy
from training.runs.validation import ValidationParts, divide_validation

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _TrainedClassifier:
    """A fitted and calibrated network, the graph that was exported from it, and its figures."""

    model: bytes
    history: History
    report: ClassificationReport
    temperature: float
    trust: ReliabilityReport
    bands: tuple[float, ...]  # of a sound's saliency, edges in Hz
    warnings: tuple[str, ...]  # that the card opens with


def train_classifier(
    recipe: Recipe,
    data: Path | None,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    policy: PublishPolicy = "if-better",
) -> Path | None:
    """Train `recipe`, publish the bundle under `models`, and return its folder.

    policy: whether the version serves at once. Of several ranks only the leader publishes; the
    others return nothing.
    """
    check_destination(models, recipe.name)
    recipe = with_recorded_split(recipe, models)
    prepared = prepare(recipe, data, modalities)
    outliers = _outliers(recipe, data, prepared)
    validation = divide_validation(recipe, prepared)
    recipe = balanced(recipe, prepared.train.targets)
    check_promise(recipe, len(validation.calibration))
    network, history = train_network(
        recipe, len(prepared.labels), prepared.train, validation.selection, prepared.files
    )
    servable, score = _calibrated(recipe, network, prepared.train, validation, outliers.train)
    model, difference = _exported(servable, prepared)
    report = evaluate(probabilities_of(model, prepared.test, PROBABILITIES), prepared.test)
    _LOG.info("test accuracy %.2f %% on %d untouched samples", 100 * report.accuracy, report.count)
    forced = check_worth(recipe, prepared, report, model)
    promise = keep_promise(recipe, model, validation.selection, validation.calibration)
    kept, evaluation = validation.calibration, outliers.evaluation
    trust = assess_reliability(model, score, kept, prepared.test, evaluation, promise.rule)
    bands = network.bands() if isinstance(network, Banded) else ()
    warnings = (*validation.warnings, *forced, *promise.warnings)
    trained = _TrainedClassifier(
        model, history, report, servable.temperature, trust, bands, warnings
    )
    findings = _findings(recipe, prepared, network, trained, difference)
    if not leads():
        return None
    publication = Publication(models, policy, prepared.test.samples)
    return _publish(recipe, prepared, trained, findings, publication, modalities)


def _calibrated(
    recipe: Recipe,
    network: nn.Module,
    train: Examples,
    validation: ValidationParts,
    outliers: list[Examples] | None,
) -> tuple[Servable, NoveltyScore | None]:
    """Fit temperatures and the novelty score; None in place of outliers: there is no novelty.

    outliers: those that the novelty score is fitted to.
    """
    selection = validation.selection
    temperature = fit_temperature(logits_of(network, selection), selection.targets)
    below_roots = node_temperature(network, with_node_targets(recipe, selection))
    if outliers is None:
        return Servable(network, temperature, None, below_roots), None
    head, score = fit_novelty(network, train, validation.calibration, outliers)
    return Servable(network, temperature, head, below_roots), score


def _outliers(recipe: Recipe, given: Path | None, data: PreparedData) -> SplitOutliers:
    """Return the outliers to fit novelty to and to measure it by; given: what `--data` names."""
    if recipe.outliers is None:
        return SplitOutliers([], {})
    encoder = data.modality.encoder(data.encoder, data.files)
    return gather_split(recipe.outliers, recipe.train_outliers, given, encoder, data.test)


def _exported(servable: Servable, data: PreparedData) -> tuple[bytes, float]:
    """Return the graph, and its largest difference from torch."""
    specs = data.encoder.tensors()
    longest = np.argsort(data.train.lengths(), kind="stable")[-2:].tolist()
    arrays, _ = data.train.batch(longest)  # the exporter takes an axis of size 1 for fixed
    example = [torch.from_numpy(array) for array in arrays]
    model = export(servable, specs, example, data.modality.saliency_axes)
    return model, check_parity(model, servable, data.test, specs)


def _findings(
    recipe: Recipe,
    data: PreparedData,
    network: nn.Module,
    trained: _TrainedClassifier,
    difference: float,
) -> Findings:
    """Measure the exported graph. difference: its largest one from torch."""
    measured = [
        *trained.report.measurements("test"),
        parity(difference, "test", min(trained.report.count, 42)),
        *_uncalibrated(network, data.test),
        *trained.trust.metrics,
    ]
    parts = [
        Findings(tuple(measured)),
        _compared(recipe, data, trained.model),
        _explained(trained.model, data, trained.bands),
        honest_findings(recipe, data, trained.report),
        comparison_findings(recipe),
    ]
    return Findings.joined(parts)


def _uncalibrated(network: nn.Module, test: Examples) -> list[Measurement]:
    """Return the scores of the probabilities without a temperature."""
    raw, scores = softmax(logits_of(network, test)), (expected_calibration_error, log_loss)
    names = ("expected calibration error", "negative log-likelihood")
    return [
        Measurement(
            name=f"{name} without temperature",
            value=score(raw, test.targets),
            split="test",
            samples=len(test),
        )
        for name, score in zip(names, scores, strict=True)
    ]


def _compared(recipe: Recipe, data: PreparedData, model: bytes) -> Findings:
    """Measure the recipe's own figures, its baseline, and groups that are left out in turn."""
    metrics, parts = [], []
    if recipe.figures is not None:
        encoder = data.modality.encoder(data.encoder, data.files)
        metrics += recipe.figures(model, data.test, encoder)
    metrics += node_figures(model, with_node_targets(recipe, data.test), "test")
    if recipe.baseline is not None:
        text, right = recipe.baseline(data.splits)
        accuracy, count = float(right.mean()), len(right)
        name = "accuracy of the baseline"
        figure = Measurement(name=name, value=accuracy, split="test", samples=count)
        section = f"## Baseline\n\n{text}: {100 * accuracy:.2f} % on the same test split."
        parts.append(Findings((figure,), (section,)))
    if recipe.leave_one_out is not None:
        parts.append(leave_one_out(recipe, data))
    return Findings.joined([Findings(tuple(metrics)), *parts])


def _explained(model: bytes, data: PreparedData, bands: tuple[float, ...]) -> Findings:
    """Run the deletion test of the graph's saliency on the test split, where there is saliency."""
    if data.modality.remover is None:
        return Findings()
    remove = data.modality.remover(data.encoder, bands)
    found = deletion_test(model, data.test.items, data.encoder.tensors(), remove)
    if found is None:
        return Findings()
    _LOG.info("%s", found)
    section = f"## Explanation\n\nDeletion test: {found}."
    return Findings(tuple(found.measurements("test")), (section,))


def _publish(
    recipe: Recipe,
    data: PreparedData,
    trained: _TrainedClassifier,
    found: Findings,
    publication: Publication,
    modalities: TrainingModalities,
) -> Path:
    """Assemble, prove and publish the bundle; return its folder."""
    manifest = new_manifest(
        recipe,
        trained_provenance(recipe, data.dataset, data.counts()),
        data.encoder,
        trained.model,
        labels=data.labels,
        temperature=trained.temperature,
        conformal=trained.trust.conformal,
        novelty=trained.trust.novelty,
        confidence=trained.trust.confidence,
        bands=trained.bands,
        metrics=found.metrics,
    )
    card = card_data(
        recipe,
        [training_section(trained.history), *found.sections],
        reliability=trained.report.bins,
        confusion=stored_confusion(trained.report.confusion),
        label_figures=label_figures(trained.report.confusion, data.labels),
        warnings=trained.warnings,
    )
    made = {
        MODEL: trained.model,
        CURVE: draw_curve(trained.history),
        LEARNT_SAMPLES: record_samples(data.splits.train, data.splits.validation),
    }
    made |= split_files(recipe, data.splits)
    golden = _golden(recipe, data, trained.report)
    files = {**data.files, **made}
    return prove_and_publish(manifest, files, golden, card, publication, modalities)


def _golden(recipe: Recipe, data: PreparedData, report: ClassificationReport) -> list[Golden]:
    """Return the recipe's own golden cases, else test samples."""
    if recipe.golden:
        return golden_from_files(GOLDEN / recipe.golden)
    return golden_from_samples(data.test, report)

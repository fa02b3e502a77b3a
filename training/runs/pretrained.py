"""A pretrained network → a bundle: exported, measured and, with labelled pictures, calibrated."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from app.bundle import EncoderSpec, Manifest, Measurement, Provenance
from app.bundle.files import MODEL
from app.bundle.tensors import Arrays
from app.modalities import Payload, encoder_for
from app.pipeline import Golden
from app.runtime.session import Session
from training.data.dataset import Sample
from training.data.encode import Examples, encode
from training.datasets.package_photos import more_photos, photos
from training.exporting.card.data import ReliabilityBins
from training.exporting.export import Servable, check_parity, export, parity
from training.measuring.calibration import (
    expected_calibration_error,
    fit_temperature,
    reliability_bins,
    softmax,
)
from training.measuring.evaluate import classifier_outputs, logits_of, to_measurements
from training.measuring.faithfulness import deletion_test
from training.measuring.novelty import fit_novelty
from training.measuring.reliability import (
    AbstentionRules,
    CalibrationData,
    labelled_figures,
    refit_thresholds,
    share_abstained,
)
from training.modalities import TRAINING_MODALITIES, TrainingModalities, TrainingModality
from training.recipes.recipe import GOLDEN, Pretrained
from training.runs.findings import Findings
from training.runs.in_distribution import (
    InDistribution,
    NamedExamples,
    calibration_set,
    held_out,
    in_distribution,
)
from training.runs.publish import (
    CODE,
    card_data,
    check_destination,
    golden_from_files,
    new_manifest,
    prove_and_publish,
)
from training.runs.serving_decision import Publication, PublishPolicy

_UNKNOWN = (
    "## Not measured\n\nAccuracy, calibration and prediction sets need labelled pictures that the "
    "weights were not trained on. There were none, so an answer has no `prediction_set`. "
    "`thalamus-train calibrate {name} --data FOLDER` measures and sets them on labelled pictures "
    "of your own."
)


def export_pretrained(
    recipe: Pretrained,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    policy: PublishPolicy = "if-better",
) -> Path:
    """Export, prove on real files that ONNX equals torch, publish; return the folder.

    With pictures like the training data the bundle gets a novelty score; with labelled pictures
    that the network never saw it is calibrated and gets label sets. policy: whether the version
    serves at once; it is compared with no other one.
    """
    check_destination(models, recipe.name)
    labels, spec, modality = recipe.labels(), recipe.encoder, modalities[recipe.encoder.kind]
    golden = golden_from_files(GOLDEN / recipe.golden)
    examples = _golden_examples(golden, labels, spec, modality)
    network, known, head, score = recipe.network(), in_distribution(recipe, labels), None, None
    if known is not None and known.outliers.train is not None:
        train = known.outliers.train
        head, score = fit_novelty(network, known.train, known.calibration, train)
    new = calibration_set(recipe, labels)
    servable = Servable(network, _temperature(network, new), head)
    model = _exported(servable, examples, modality)
    difference = check_parity(model, servable, examples, spec.tensors())
    fields = {"labels": labels, "temperature": servable.temperature, "novelty": score}
    manifest = new_manifest(recipe, _provenance(recipe), spec, model, **fields)
    findings = [Findings((parity(difference, "photos", len(examples)),))]
    if new is not None:
        manifest, figures = _calibrated(model, manifest, network, new)
        findings.append(Findings(tuple(figures)))
    others = held_out(recipe, labels)
    findings.append(_on_photos(model, manifest, network, known, others))
    findings.append(_explained(model, manifest, known, modality))
    found = Findings.joined(findings)
    manifest = manifest.model_copy(update={"metrics": found.metrics})
    sections = [*found.sections, *_data_sections(recipe, known, new)]
    card = card_data(recipe, sections, reliability=_reliability(manifest, model, new, others))
    to = Publication(models, policy)
    return prove_and_publish(manifest, {MODEL: model}, golden, card, to, modalities)


def _golden_examples(
    golden: Sequence[Golden],
    labels: Sequence[str],
    spec: EncoderSpec,
    modality: TrainingModality,
) -> Examples:
    """Return the encoded payloads of the golden cases, to export with and to compare on."""
    samples = [Sample(case.file, case.payload, case.expected or labels[0]) for case in golden]
    examples, unreadable = encode(modality.encoder(spec, {}), samples, labels, spec.tensors())
    assert not unreadable, unreadable
    return examples


def _on_photos(
    model: bytes,
    manifest: Manifest,
    network: nn.Module,
    known: InDistribution | None,
    others: NamedExamples | None,
) -> Findings:
    """Measure on the photos that were found, of those kept aside first."""
    figures: list[Measurement] = []
    if others is not None:
        figures += _figures(Session(model), manifest, network, others)
    if known is not None:
        figures += known.figures(model, network, AbstentionRules.of(manifest))
    return Findings(tuple(figures))


def _exported(servable: Servable, examples: Examples, modality: TrainingModality) -> bytes:
    example = [torch.from_numpy(array) for array in examples.batch(range(2))[0]]
    return export(servable, examples.inputs, example, modality.saliency_axes)


def _temperature(network: nn.Module, new: CalibrationData | None) -> float:
    if new is None:
        return 1.0
    return fit_temperature(logits_of(network, new.selection), new.selection.targets)


def _calibrated(
    model: bytes, manifest: Manifest, network: nn.Module, new: CalibrationData
) -> tuple[Manifest, list[Measurement]]:
    """Return the manifest with label sets, and the figures on pictures by which nothing is set."""
    session = Session(model)
    answers = classifier_outputs(manifest, session, new.calibration.items)
    conformal = refit_thresholds(answers, new.calibration.targets, None).conformal
    manifest = manifest.model_copy(update={"conformal": conformal})
    return manifest, _figures(session, manifest, network, NamedExamples(new.name, new.test))


def _figures(
    session: Session, manifest: Manifest, network: nn.Module, pictures: NamedExamples
) -> list[Measurement]:
    """Return the figures of the graph, and those of torch."""
    examples, rules = pictures.examples, AbstentionRules.of(manifest)
    answers, logits = (
        classifier_outputs(manifest, session, examples.items),
        logits_of(network, examples),
    )
    figures = {
        "expected calibration error without temperature": expected_calibration_error(
            softmax(logits), examples.targets
        ),
        "accuracy in torch": float((logits.argmax(1) == examples.targets).mean()),
    }
    in_torch = to_measurements(figures, pictures.name, len(examples))
    return [*labelled_figures(answers, examples, rules, pictures.name), *in_torch]


def _reliability(
    manifest: Manifest, model: bytes, new: CalibrationData | None, pictures: NamedExamples | None
) -> ReliabilityBins | None:
    """Return the bins of held-out pictures, else of those that tested the calibration."""
    if pictures is None and new is not None:
        pictures = NamedExamples(new.name, new.test)
    if pictures is None:
        return None
    answers = classifier_outputs(manifest, Session(model), pictures.examples.items)
    return reliability_bins(answers.probabilities, pictures.examples.targets, pictures.name)


def _explained(
    model: bytes, manifest: Manifest, known: InDistribution | None, modality: TrainingModality
) -> Findings:
    """Measure saliency, and the share of abstained answers, on photos from Python packages.

    The form of the explanations was chosen on these photos, so it is tested on others as well.
    """
    photos = _photos(manifest)
    metrics, lines = [], []
    if manifest.novelty is not None:
        answers = classifier_outputs(manifest, Session(model), photos)
        rules = AbstentionRules.of(manifest)
        metrics.append(share_abstained(answers, rules, "photos"))
    assert modality.remover is not None  # of pictures there is one
    remove = modality.remover(manifest.encoder, manifest.bands)
    tried = {"photos": photos} | ({known.name: known.test.items} if known else {})
    for name, items in tried.items():
        if found := deletion_test(model, items, manifest.encoder.tensors(), remove):
            metrics += found.measurements(name)
            lines.append(f"Deletion test on {name}: {found}.")
    sections = ["## Explanation\n\n" + "\n\n".join(lines)] if lines else []
    return Findings(tuple(metrics), tuple(sections))


def _data_sections(
    recipe: Pretrained, known: InDistribution | None, new: CalibrationData | None
) -> list[str]:
    """Return the card's sections on the pictures, and on what could not be measured."""
    sections = []
    if known is not None:
        counts = [len(part) for part in (known.train, known.calibration, known.test)]
        sections.append(
            f"## Novelty\n\nThe score was fitted to {counts[0]} of {known.name} and to training "
            f"outliers, its threshold was set on {counts[1]} others, and it was measured on "
            f"{counts[2]} more. The network was trained on most of these photos, so a larger share "
            "of new photos may count as novel."
        )
    if new is None:
        return [*sections, _UNKNOWN.format(name=recipe.name)]
    classes = len(set(new.test.targets.tolist()))
    return [
        *sections,
        f"## Calibration\n\nThe weights were not trained on {new.name}: {len(new.selection)} "
        f"samples set the temperature, {len(new.calibration)} the prediction sets, and "
        f"{len(new.test)} others test the result. They show {classes} of the "
        f"{len(recipe.labels())} classes, with one thing in the middle of each. For other photos, "
        f"`thalamus-train calibrate {recipe.name} --data FOLDER` sets both on labelled photos of "
        "your own.",
    ]


def _photos(manifest: Manifest) -> list[Arrays]:
    """Return all photos that Python packages contain, encoded."""
    encoder = encoder_for(manifest.encoder, {})
    own = [Payload(photo.read_bytes(), "image/jpeg") for half in photos() for photo in half]
    return [encoder.encode(payload).arrays for payload in [*own, *more_photos()]]


def _provenance(recipe: Pretrained) -> Provenance:
    return Provenance(
        recipe=recipe.name,
        seed=0,
        code=CODE,
        data=recipe.data,
        data_source=recipe.source,
        data_licence=recipe.data_licence,
        data_sha256=recipe.weights_sha256,
        splits={},
    )

"""A pretrained network → a bundle: exported, measured and, with labelled pictures, calibrated."""

from pathlib import Path

import torch
from torch import nn

from app.bundle import Manifest, Measurement, Provenance
from app.bundle.files import MODEL
from app.bundle.tensors import Arrays
from app.modalities import Payload, encoder_for
from app.runtime.session import Session
from training.data.dataset import Sample
from training.data.encode import encode
from training.datasets.package_photos import more_photos, photos
from training.exporting.card import CARD, card
from training.exporting.export import Servable, check_parity, export, parity
from training.measuring.calibration import (
    expected_calibration_error,
    fit_temperature,
    softmax,
)
from training.measuring.evaluate import classifier_outputs, logits_of, to_measurements
from training.measuring.faithfulness import deletion_test
from training.measuring.novelty import fit_novelty
from training.measuring.reliability import (
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
from training.runs.publish import CODE, golden_from_files, new_manifest, prove_and_publish

_UNKNOWN = (
    "## Not measured\n\nAccuracy, calibration and label sets need pictures with labels that the "
    "weights were not trained on, and none were found; so an answer has no label set. "
    "`thalamus-train calibrate {name} --data FOLDER` measures them on your labelled pictures and "
    "adds label sets."
)


def export_pretrained(
    recipe: Pretrained, models: Path, modalities: TrainingModalities = TRAINING_MODALITIES
) -> Path:
    """Export, prove on real files that ONNX equals torch, publish; return the folder.

    With pictures like the training data the bundle gets a novelty score; with labelled pictures
    that the network never saw it is calibrated and gets label sets.
    """
    labels, spec, modality = recipe.labels(), recipe.encoder, modalities[recipe.encoder.kind]
    golden = golden_from_files(GOLDEN / recipe.golden)
    samples = [Sample(case.file, case.payload, case.expected or labels[0]) for case in golden]
    examples, unreadable = encode(modality.encoder(spec, {}), samples, labels, spec.tensors())
    assert not unreadable, unreadable
    network, known, head, score = recipe.network(), in_distribution(recipe, labels), None, None
    if known is not None and known.outliers.train is not None:
        train = known.outliers.train
        head, score = fit_novelty(network, known.train, known.calibration, train)
    new = calibration_set(recipe, labels)
    servable = Servable(network, _temperature(network, new), head)
    arrays, _ = examples.batch(range(2))
    example = [torch.from_numpy(array) for array in arrays]
    model = export(servable, spec.tensors(), example, modality.saliency_axes)
    difference = check_parity(model, servable, examples, spec.tensors())
    fields = {"labels": labels, "temperature": servable.temperature, "novelty": score}
    manifest = new_manifest(recipe, _provenance(recipe), spec, model, models, **fields)
    findings = [Findings((parity(difference, "photos", len(examples)),))]
    if new is not None:
        manifest, figures = _calibrated(model, manifest, network, new)
        findings.append(Findings(tuple(figures)))
    findings.append(Findings(tuple(_held_out_figures(recipe, model, manifest, network))))
    if known is not None:
        figures = known.figures(model, network, (manifest.conformal, score))
        findings.append(Findings(tuple(figures)))
    findings.append(_explained(model, manifest, known, modality))
    found = Findings.joined(findings)
    manifest = manifest.model_copy(update={"metrics": found.metrics})
    sections = [*found.sections, *_data_sections(recipe, known, new)]
    files = {MODEL: model, CARD: card(manifest, sections, [])}
    return prove_and_publish(manifest, files, golden, models)


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
    conformal, _ = refit_thresholds(answers, new.calibration.targets, None)
    manifest = manifest.model_copy(update={"conformal": conformal})
    return manifest, _figures(session, manifest, network, NamedExamples(new.name, new.test))


def _held_out_figures(
    recipe: Pretrained, model: bytes, manifest: Manifest, network: nn.Module
) -> list[Measurement]:
    """Return the figures of the graph and of torch on pictures by which nothing is set."""
    found = held_out(recipe, manifest.labels)
    return [] if found is None else _figures(Session(model), manifest, network, found)


def _figures(
    session: Session, manifest: Manifest, network: nn.Module, pictures: NamedExamples
) -> list[Measurement]:
    """Return the figures of the graph, and those of torch."""
    examples, rules = pictures.examples, (manifest.conformal, manifest.novelty)
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
        rules = (manifest.conformal, manifest.novelty)
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
            f"## Novelty\n\nThe score is fitted to {counts[0]} of {known.name} and to outliers; "
            f"{counts[1]} other pictures set its threshold, and it is measured on {counts[2]}. The "
            "network was trained on most of these pictures, so the share of novel answers may be "
            "somewhat higher for photos that it never saw."
        )
    if new is None:
        return [*sections, _UNKNOWN.format(name=recipe.name)]
    classes = len(set(new.test.targets.tolist()))
    return [
        *sections,
        f"## Calibration\n\nThe weights were not trained on {new.name}: {len(new.selection)} set "
        f"the temperature, {len(new.calibration)} the label sets, and {len(new.test)} others test "
        f"the result. They show {classes} of its {len(recipe.labels())} classes, one object in the "
        "middle of each; for other photos, calibrate the model on your labelled ones with "
        f"`thalamus-train calibrate {recipe.name} --data FOLDER`.",
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

"""A published bundle → its next version, calibrated on the user's labelled files.

The network stays, and with it every predicted label. The run sets a new temperature and new
thresholds of the label sets and of novelty. Half of the files, chosen by their content, test the
result, before and after the calibration; of the others a third sets the temperature and the rest
the thresholds. The figures then hold for data like these files, even where such data differ from
the training data.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from app.bundle import AnswerThreshold, Bundle, Manifest, Measurement
from app.bundle.files import MODEL
from app.bundle.graph import graph_of
from app.runtime.session import Session
from training.data.reading.options import ReadingOptions
from training.data.sources import warn
from training.data.split import split_calibration
from training.errors import BadData
from training.exporting.card.data import CardData, parse_sections
from training.exporting.temperature_scaling import scale_temperature
from training.measuring.answer_threshold import fit_answer_threshold
from training.measuring.calibration import fit_temperature, reliability_bins
from training.measuring.evaluate import (
    ClassifierOutputs,
    classifier_outputs,
    confusion_of,
    stored_confusion,
)
from training.measuring.labelled_files import read
from training.measuring.novelty import MIN_CALIBRATION
from training.measuring.reliability import (
    AbstentionRules,
    CalibrationData,
    labelled_figures,
    refit_thresholds,
)
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.runs.findings import figure_lines
from training.runs.next_version import publish_next
from training.runs.publish import check_destination

_LOG = logging.getLogger(__name__)


def publish_calibrated(
    bundle: Bundle,
    data: Path,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    options: ReadingOptions = ReadingOptions(),
) -> Path:
    """Calibrate, measure, prove, and write the next version; return its folder.

    data: see `training.measuring.labelled_files`, whose errors it raises, and `BadData` where the
    samples are too few. options: how they are read.
    """
    old = bundle.manifest
    check_destination(models, old.name)
    parts = _parts(bundle, data, modalities, options)
    session = Session(bundle.graph)
    before = [
        classifier_outputs(old, session, part.items) for part in (parts.selection, parts.test)
    ]
    factor = fit_temperature(_logits(before[0]), parts.selection.targets)
    changes, files = _at(bundle, factor)
    manifest = old.model_copy(update=changes)
    session = Session(graph_of(files.get(MODEL, bundle.model), bundle.files))
    answers = classifier_outputs(manifest, session, parts.calibration.items)
    rules = refit_thresholds(answers, parts.calibration.targets, old.novelty)
    rules = rules._replace(confidence=_confidence(manifest, session, parts, answers))
    after = classifier_outputs(manifest, session, parts.test.items)
    metrics = [
        *labelled_figures(after, parts.test, rules, parts.name),
        *_as_published(
            labelled_figures(before[1], parts.test, AbstentionRules.of(old), parts.name)
        ),
    ]
    for line in figure_lines(metrics):
        _LOG.info("%s", line)
    changes |= {**rules._asdict(), "metrics": tuple(metrics)}
    card = _card(old, parts, after.probabilities)
    return publish_next(bundle, changes, files, card, models, modalities)


def _confidence(
    manifest: Manifest, session: Session, parts: CalibrationData, answers: ClassifierOutputs
) -> AnswerThreshold | None:
    """Return the threshold of confidence for the same precision on other data; warn if none is.

    answers: to the calibration part.
    """
    if (old := manifest.confidence) is None:
        return None
    selection = classifier_outputs(manifest, session, parts.selection.items).probabilities
    targets = parts.calibration.targets
    found = fit_answer_threshold(selection, answers.probabilities, targets, old.precision)
    if found is None:
        warn(
            f"a precision of {100 * old.precision:g} % cannot be promised on {parts.name}: this "
            "version answers whatever its confidence"
        )
    return found


def _parts(
    bundle: Bundle, data: Path, modalities: TrainingModalities, options: ReadingOptions
) -> CalibrationData:
    """Split the files in three; raise `BadData` where there are too few."""
    name, examples = read(bundle, data, modalities.values(), options)
    parts = [examples.select(part) for part in split_calibration(examples.samples)]
    if min(map(len, parts[1:])) < MIN_CALIBRATION:
        raise BadData(
            f"{data}: {len(examples)} different samples that can be read are too few; "
            f"with {4 * MIN_CALIBRATION} or more there are enough for every part"
        )
    return CalibrationData(name, *parts)


def _logits(answers: ClassifierOutputs) -> np.ndarray:
    return np.log(np.maximum(answers.probabilities, np.finfo(np.float32).tiny))


def _at(bundle: Bundle, factor: float) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the manifest's fields, and the files, that another temperature changes."""
    old = bundle.manifest
    changes = {"temperature": old.temperature * factor}
    if old.scores == "logits":
        return changes, {}
    return changes, {MODEL: scale_temperature(bundle.model, old.outputs[0].name, factor)}


def _as_published(figures: Sequence[Measurement]) -> list[Measurement]:
    """Return the figures before the calibration, without the accuracy, which stays the same."""
    return [
        m.model_copy(update={"name": f"{m.name}, as published"})
        for m in figures
        if m.name != "accuracy"
    ]


def _card(old: Manifest, parts: CalibrationData, probabilities: np.ndarray) -> CardData:
    text = (
        f"## Calibrated anew\n\nVersion {old.version}, calibrated by `thalamus-train calibrate "
        f"{old.name}` on {parts.name}: {len(parts.selection)} samples set the temperature, "
        f"{len(parts.calibration)} the thresholds, {len(parts.test)} others test the result. That "
        "version's card describes the training."
    )
    return CardData(
        reliability=reliability_bins(probabilities, parts.test.targets, parts.name),
        confusion=stored_confusion(confusion_of(probabilities, parts.test.targets)),
        sections=parse_sections(text),
    )

"""Weights and figures → a bundle that has proved itself, in the folder that is served."""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import torch

from app import __version__
from app.bundle import Bundle, EncoderSpec, Manifest, Provenance, publish
from app.errors import InvalidBundle
from app.modalities import Payload
from app.pipeline import Golden, answer_golden
from training.data.dataset import Dataset, Sample, label_of, name_of
from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.card.data import CardData, parse_sections
from training.exporting.card.render import with_card
from training.exporting.export import output_specs
from training.measuring.evaluate import ClassificationReport
from training.modalities import TRAINING_MODALITIES, TrainingModalities, registry_of
from training.recipes.recipe import AnyRecipe, Language, Recipe
from training.runs.serving_decision import Publication, decide_serving
from training.runs.version_plan import VersionPlan, plan_version, settled

_LOG = logging.getLogger(__name__)
MOST_GOLDEN = 10
_TURNS = 2  # golden cases of a label, at most
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")  # neither a line of a table nor a mail's digest
_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
CODE = f"thalamus {__version__}"


def check_folder(models: Path) -> None:
    """Raise `TrainingError` when nothing can be published here; checked before the training."""
    existing = next(path for path in (models, *models.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise TrainingError(f"{models} is not a folder that can be written to")


def check_destination(models: Path, name: str) -> None:
    """Raise what would keep a version of `name` from being published; see `plan_version` too."""
    check_folder(models)
    plan_version(models, name)


def golden_from_files(folder: Path) -> list[Golden]:
    """Return a golden case for each payload of a folder; the suffix gives its media type.

    The folder's `NOTES.json` maps file names to the label (null: any label will do) and to where
    the files come from.
    """
    notes = orjson.loads((folder / "NOTES.json").read_bytes())
    return [
        Golden(
            path.name,
            Payload(path.read_bytes(), _MEDIA_TYPES[path.suffix]),
            notes[path.name]["label"],
            notes[path.name]["note"],
        )
        for path in sorted(folder.iterdir())
        if path.suffix in _MEDIA_TYPES
    ]


def golden_from_samples(test: Examples, report: ClassificationReport) -> list[Golden]:
    """Return a few test samples that are predicted correctly, of every label in turn."""
    wrong = set(report.wrong)
    chosen: dict[str, list[int]] = {}
    for place in range(len(test)):
        cases = chosen.setdefault(label_of(test.samples, place), [])
        if len(cases) < _TURNS and name_of(test.samples, place) not in wrong:
            cases.append(place)
    right = [cases for cases in chosen.values() if cases]
    turns = [
        (number, turn, cases[turn])
        for turn in range(_TURNS)
        for number, cases in enumerate(right, 1)
        if turn < len(cases)
    ]
    return [
        _golden(test.samples[place], number, turn) for number, turn, place in turns[:MOST_GOLDEN]
    ]


def _golden(sample: Sample, number: int, turn: int) -> Golden:
    """Return the golden case of a sample of the label with this number, from 1."""
    suffix = Path(sample.name).suffix.lower()
    suffix = suffix if _SUFFIX.fullmatch(suffix) else ".txt"
    return Golden(f"case-{number:02d}-{turn}{suffix}", sample.payload, sample.label)


def trained_provenance(
    recipe: Recipe | Language, dataset: Dataset, splits: Mapping[str, int]
) -> Provenance:
    """Return the provenance of a network that this recipe trained on this data set."""
    lineage = recipe.lineage
    return Provenance(
        recipe=lineage.recipe or recipe.name,
        data_path=lineage.data_path,
        start=lineage.start,
        source=lineage.source,
        epochs=None if lineage.start in ("linear", "features") else recipe.schedule.epochs,
        seed=recipe.seed,
        threads=torch.get_num_threads(),
        learning_rate=lineage.learning_rate,
        code=CODE,
        data=dataset.name,
        data_source=dataset.source,
        data_licence=dataset.licence,
        data_sha256=dataset.sha256,
        splits=dict(splits),
    )


def new_manifest(
    recipe: AnyRecipe,
    provenance: Provenance,
    encoder: EncoderSpec,
    model: bytes,
    **fields: Any,
) -> Manifest:
    """Return the manifest of a recipe's version; publishing sets its number and names its files.

    model: the exported graph. fields: of the `Manifest`, those that one task has and others lack.
    """
    return Manifest(
        name=recipe.name,
        version=1,
        description=recipe.description,
        encoder=encoder,
        inputs=encoder.tensors(),
        outputs=output_specs(model, encoder.tensors()),
        provenance=provenance,
        licence=recipe.licence,
        files={},
        **fields,
    )


def card_data(recipe: AnyRecipe, sections: Sequence[str], **found: Any) -> CardData:
    """Return what a run of the recipe adds to the card.

    sections: Markdown, each with its heading `## …`. found: further fields of `CardData`.
    """
    text = parse_sections("\n\n".join(sections))
    return CardData(headline=recipe.headline, limits=recipe.limits, sections=text, **found)


def prove_and_publish(
    manifest: Manifest,
    files: Mapping[str, bytes],
    golden: Sequence[Golden],
    data: CardData,
    publication: Publication,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> Path:
    """Add the golden cases, replay them through the service's path, write bundle and card.

    The bundle gets the next number; `training.runs.serving_decision` says whether it is held. data:
    of the card. Raises `GoldenMismatch` when a payload does not get the label that it must get.
    """
    if not golden:
        raise TrainingError("no test sample is predicted correctly; nothing is published")
    answered = answer_golden(manifest, files, golden, registry_of(modalities))
    while True:  # again when another version was published, or began to serve, meanwhile
        plan = plan_version(publication.models, manifest.name)
        try:
            return _publish_as_planned(answered, data, publication, plan, modalities)
        except InvalidBundle:
            if plan_version(publication.models, manifest.name) == plan:
                raise


def _publish_as_planned(
    answered: Bundle,
    data: CardData,
    publication: Publication,
    plan: VersionPlan,
    modalities: TrainingModalities,
) -> Path:
    """Judge the version, give it its number and its card, and publish it, held or not."""
    decision = decide_serving(answered, plan.serving, publication)
    manifest = answered.manifest.model_copy(update={"version": plan.number})
    sections = {**data.sections, **decision.sections(manifest)}
    card = data.model_copy(update={"sections": sections})
    inputs = modalities[manifest.encoder.kind].card
    bundle = with_card(replace(answered, manifest=manifest), card, inputs)
    if decision.line:
        _LOG.info("%s", decision.line)
    models = publication.models
    return publish(bundle, models, settled(models, manifest.name, plan, decision.reason))

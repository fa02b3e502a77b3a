"""Weights and figures → a bundle that has proved itself, in the folder that is served."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from app import __version__
from app.bundle import Manifest, Measurement, Provenance, publish
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.modalities import Payload
from app.pipeline import Golden, answer_golden
from training.data.encode import Examples
from training.errors import TrainingError
from training.exporting.card import CARD, card, card_images, cost_section
from training.exporting.export import output_specs
from training.fitting.curve import History
from training.measuring.evaluate import ClassificationReport
from training.measuring.reliability import ReliabilityReport

if TYPE_CHECKING:
    from training.recipes.recipe import Recipe
    from training.runs.classifier import Data

MOST_GOLDEN = 10
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")  # neither a line of a table nor a mail's digest
_MEDIA_TYPES = {
    ".txt": "text/plain",
    ".wav": "audio/wav",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training brought."""

    model: bytes
    history: History
    report: ClassificationReport
    temperature: float
    metrics: tuple[Measurement, ...]
    sections: tuple[str, ...]
    trust: ReliabilityReport
    bands: tuple[float, ...] = ()  # of a sound's saliency, edges in Hz


def check_folder(models: Path) -> None:
    """Raise `TrainingError` when nothing can be published here; asked before the training."""
    existing = next(path for path in (models, *models.absolute().parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        raise TrainingError(f"{models} is not a folder that can be written to")


def golden_from_files(folder: Path) -> list[Golden]:
    """Return the payloads of a folder, told apart by their suffixes.

    Its `NOTES.json` maps file names to the label (null: whatever it is called) and to where they
    come from.
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
    """Return a few test samples that are answered rightly, of every label in turn."""
    wrong = set(report.wrong)
    chosen: dict[str, list[Golden]] = {}
    for sample in test.samples:
        if sample.name not in wrong:
            cases = chosen.setdefault(sample.label, [])
            suffix = Path(sample.name).suffix.lower()
            suffix = suffix if _SUFFIX.fullmatch(suffix) else ".txt"
            name = f"case-{len(chosen):02d}-{len(cases)}{suffix}"
            cases.append(Golden(name, sample.payload, sample.label))
    turns = [
        case for turn in range(2) for cases in chosen.values() for case in cases[turn : turn + 1]
    ]
    return turns[:MOST_GOLDEN]


def provenance(recipe: "Recipe", data: "Data") -> Provenance:
    """Return where a bundle of this recipe, trained on this, comes from."""
    return Provenance(
        recipe=recipe.made_by or recipe.name,
        seed=recipe.seed,
        code=f"thalamus {__version__}",
        data=data.dataset.name,
        data_source=data.dataset.source,
        data_licence=data.dataset.licence,
        data_sha256=data.dataset.sha256,
        splits={
            "train": len(data.train),
            "validation": len(data.validation),
            "test": len(data.test),
            "unreadable": len(data.dataset.unreadable),
        },
    )


def publish_trained(
    recipe: "Recipe", data: "Data", trained: Trained, golden: Sequence[Golden], models: Path
) -> Path:
    """Assemble, prove and publish the bundle; return its folder."""
    manifest = Manifest(
        name=recipe.name,
        version=next_version(models, recipe.name),
        description=recipe.description,
        encoder=data.encoder,
        inputs=data.encoder.tensors(),
        outputs=output_specs(trained.model, data.encoder.tensors()),
        labels=data.labels,
        temperature=trained.temperature,
        conformal=trained.trust.conformal,
        novelty=trained.trust.novelty,
        bands=trained.bands,
        metrics=trained.metrics,
        provenance=provenance(recipe, data),
        licence=recipe.licence,
        files={},
    )
    images = card_images(trained.history, trained.report.confusion, data.labels)
    text = card(manifest, [cost_section(trained.history), *trained.sections], list(images))
    files = {**data.files, MODEL: trained.model, CARD: text, **images}
    return prove_and_publish(manifest, files, golden, models)


def prove_and_publish(
    manifest: Manifest, files: dict[str, bytes], golden: Sequence[Golden], models: Path
) -> Path:
    """Add the golden cases, replay them through the service's path, write the bundle.

    Raises `GoldenMismatch` when a payload is not called what it must be.
    """
    if not golden:
        raise TrainingError("no test sample is answered rightly; nothing is published")
    return publish(answer_golden(manifest, files, golden), models)

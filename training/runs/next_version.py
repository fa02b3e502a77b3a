"""A published bundle → its next version: parts of it changed, all of it proved again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.bundle import Bundle
from app.bundle.rewrite import is_card_file
from app.bundle.serving_rule import read_rule
from app.pipeline import Golden
from app.pipeline.replay import golden_payload
from app.tasks.classify import GoldenClasses
from training.exporting.card.data import CardData, stored_data
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.runs.publish import prove_and_publish
from training.runs.serving_decision import Publication


def publish_next(
    bundle: Bundle,
    changes: Mapping[str, Any],
    files: Mapping[str, bytes],
    card: CardData,
    models: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
) -> Path:
    """Publish the next version of a classifier's bundle and return its folder.

    changes: fields of the manifest. files: the graph, if it is another. card: what this run
    measured, and its sections; headline and limits are those of the old card. A version that is
    made of a held one is held too. Raises `GoldenMismatch` where a golden case would get another
    label.
    """
    old = bundle.manifest
    manifest = old.model_copy(update={**changes, "files": {}})
    kept = {
        name: content
        for name, content in bundle.files.items()
        if not name.startswith("golden/") and not is_card_file(name)
    }
    stored = stored_data(bundle.files)
    card = card.model_copy(update={"headline": stored.headline, "limits": stored.limits})
    to = Publication(models, "always")
    if old.version in read_rule(models / old.name).held:
        to = Publication(
            models, "never", why=f"version {old.version}, of which it was made, is held"
        )
    return prove_and_publish(manifest, {**kept, **files}, golden_of(bundle), card, to, modalities)


def golden_of(bundle: Bundle) -> list[Golden]:
    """Return a classifier's golden cases, each with the label that it gets now."""
    return [
        Golden(
            case.file,
            golden_payload(bundle, case),
            max(case.probabilities, key=lambda label: case.probabilities[label]),
            case.note,
        )
        for case in bundle.golden
        if isinstance(case, GoldenClasses)
    ]

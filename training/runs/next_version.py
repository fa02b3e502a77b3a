"""A published bundle → its next version: parts of it changed, all of it proved again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.bundle import Bundle
from app.bundle.files import MODEL
from app.bundle.publish import next_version
from app.pipeline import Golden
from app.pipeline.replay import golden_payload
from app.tasks.classify import GoldenClasses
from training.exporting.card import CARD, card
from training.runs.publish import prove_and_publish


def publish_next(
    bundle: Bundle,
    changes: Mapping[str, Any],
    files: Mapping[str, bytes],
    section: str,
    models: Path,
) -> Path:
    """Publish the next version of a classifier's bundle and return its folder.

    changes: fields of the manifest. files: the graph, if it is another, and the card's pictures,
    which replace the old ones. section: of the card. Raises `GoldenMismatch` where a golden case
    would get another label.
    """
    old = bundle.manifest
    version = next_version(models, old.name)
    manifest = old.model_copy(update={**changes, "version": version, "files": {}})
    kept = {
        name: content
        for name, content in bundle.files.items()
        if not name.startswith("golden/") and not name.endswith((".png", ".md"))
    }
    images = [name for name in files if name != MODEL]
    whole = {**kept, **files, CARD: card(manifest, [section], images)}
    return prove_and_publish(manifest, whole, golden_of(bundle), models, bundle.registry)


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

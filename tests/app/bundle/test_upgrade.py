"""A manifest of schema version 1 is read as one of version 2, without loss."""

import json
from pathlib import Path

import pytest

from app.bundle import Manifest
from app.bundle.upgrade import upgraded, upgraded_json
from app.registry import SHIPPED
from tests import fakes

REPOSITORY = Path(__file__).resolve().parents[3]
MANIFESTS = sorted((REPOSITORY / "models").glob("*/*/manifest.json"))
NOTHING = {"data_path": None, "start": None, "source": None}


def version_1(recipe: str, splits: dict[str, int]) -> dict:
    """Return the document in schema version 1 for this bundle."""
    document = json.loads(fakes.image_bundle().manifest.model_dump_json())
    provenance = {k: v for k, v in document["provenance"].items() if k not in NOTHING}
    provenance |= {"recipe": recipe, "splits": splits}
    return document | {"schema_version": 1, "provenance": provenance}


@pytest.mark.parametrize(
    ("arguments", "splits", "fields"),
    [
        ("digits", {"train": 9}, {"recipe": "digits", "start": "scratch"}),
        ("imagenet", {}, {"recipe": "imagenet"}),
        ("pack", {}, {"recipe": "pack"}),
        (
            "--data photos",
            {"train": 9},
            {"recipe": "auto", "data_path": "photos", "start": "scratch"},
        ),
        (
            "toy --start features --from digits/1",
            {"train": 9},
            {"recipe": "toy", "start": "features", "source": "digits/1"},
        ),
        (
            "--data my shapes --start pretrained --from imagenet",
            {"train": 9},
            {
                "recipe": "auto",
                "data_path": "my shapes",
                "start": "pretrained",
                "source": "imagenet",
            },
        ),
        (
            "--data a --from b\nc --start features --from d e",
            {"train": 9},
            {"recipe": "auto", "data_path": "a --from b\nc", "start": "features", "source": "d e"},
        ),
    ],
)
def test_upgrade_gives_each_argument_of_version_1_a_field(
    arguments: str, splits: dict[str, int], fields: dict[str, str]
) -> None:
    before = version_1(arguments, splits)
    after = upgraded(before)
    manifest = Manifest.model_validate_json(
        upgraded_json(json.dumps(before).encode()), context=SHIPPED
    )
    found = manifest.provenance.model_dump(include={"recipe", *NOTHING})
    assert found == NOTHING | fields
    assert after["schema_version"] == manifest.schema_version == 2
    assert before == version_1(arguments, splits)  # nothing is changed in place
    others = {k: v for k, v in before["provenance"].items() if k != "recipe"}
    assert others.items() <= after["provenance"].items()


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.parent.name)
def test_upgrade_reads_every_shipped_manifest(path: Path) -> None:
    raw = path.read_bytes()
    manifest = Manifest.model_validate_json(upgraded_json(raw), context=SHIPPED)
    provenance = manifest.provenance
    assert (provenance.recipe, provenance.source) == (manifest.name, None)
    assert provenance.start == (None if manifest.name == "imagenet" else "scratch")
    document = json.loads(raw)
    kept = json.loads(manifest.model_dump_json())
    for name in document.keys() - {"schema_version", "provenance", "encoder"}:
        assert kept[name] == document[name], name
    assert document["encoder"].items() <= kept["encoder"].items()  # newer fields have a default


def test_upgrade_keeps_other_documents() -> None:
    current = fakes.image_bundle().manifest.model_dump_json().encode()
    for raw in (current, b"no JSON", b"[1]", b'{"schema_version": 3}'):
        assert upgraded_json(raw) == raw


def test_upgrade_keeps_an_invalid_provenance() -> None:
    for provenance in ({"recipe": 3}, "made by hand", None):
        document = version_1("digits", {}) | {"provenance": provenance}
        assert upgraded(document) == document | {"schema_version": 2}

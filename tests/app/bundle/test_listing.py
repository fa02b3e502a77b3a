from pathlib import Path

import pytest

from app.bundle import publish, read_bundle
from app.bundle.listing import list_models, versions
from app.registry import SHIPPED
from tests import fakes

ALL = [("colours", 1), ("moods", 1), ("sounds", 1)]


def test_versions_are_listed_by_model_and_number(models: Path) -> None:
    listing = list_models(models)
    assert sorted(listing.versions) == ALL
    assert listing.versions["colours", 1] == models / "colours" / "1"
    assert not (listing.beside or listing.unknown_models or listing.unknown_versions)


@pytest.mark.parametrize("version", [1_722_340_000, 1_722_340_000_000_000, 10**18 - 1])
def test_a_timestamp_is_a_version(tmp_path: Path, version: int) -> None:
    folder = publish(fakes.image_bundle(version=version), tmp_path)
    assert list(list_models(tmp_path).versions) == [("colours", version)]
    assert list(versions(folder.parent)) == [version]
    assert read_bundle(folder, SHIPPED).manifest.version == version


def test_other_entries_of_the_models_folder_are_listed_with_a_reason(models: Path) -> None:
    for name in (
        "lost+found",
        "Colours",
        "colours/v7",
        "colours/08",
        "colours/2",
        f"moods/{10**18}",
    ):
        (models / name).mkdir()
    for name in ("notes.txt", "readme", "colours/README.md", "sounds/2"):
        (models / name).write_text("x")
    (models / "dangling").symlink_to("nowhere")
    (models / "circle").symlink_to("circle")
    (models / "moods" / "2").symlink_to("nowhere")
    (models / "moods" / "3").symlink_to("3")
    for name in ("serving.json", "serving.json.77.part"):
        (models / "colours" / name).write_text("{}")
    for name in (".DS_Store", "..data", "colours/.1-aside"):
        (models / name).mkdir()
    listing = list_models(models)
    assert sorted(listing.versions) == ALL
    assert {path: reason.partition(":")[0] for path, reason in listing.beside.items()} == {
        "Colours": "not a model",
        "circle": "cannot be looked into",
        "colours/08": "not a version",
        "colours/2": "no manifest.json in it",
        "colours/README.md": "not a version",
        "colours/v7": "not a version",
        "dangling": "cannot be looked into",
        "lost+found": "not a model",
        f"moods/{10**18}": "not a version",
        "moods/2": "no manifest.json in it",
        "moods/3": "cannot be looked into",
        "notes.txt": "not a model",
        "readme": "not a folder",
        "sounds/2": "no manifest.json in it",
    }
    assert listing.unknown_models == {"dangling", "circle"}
    assert listing.unknown_versions == {("colours", 2), ("moods", 2), ("moods", 3), ("sounds", 2)}


def test_a_manifest_in_a_models_folder_is_reported_once(tmp_path: Path) -> None:
    publish(fakes.image_bundle(), tmp_path)
    for path in (tmp_path / "colours" / "1").iterdir():
        path.rename(tmp_path / "colours" / path.name)
    beside = list_models(tmp_path).beside
    assert beside["colours"] == "manifest.json is not in a version's folder, such as colours/1"
    assert list(beside) == ["colours", "colours/1"]


def test_links_are_followed(models: Path) -> None:
    (models / "moods").rename(models.parent / "store")
    (models / "moods").symlink_to(models.parent / "store")
    (models / "colours" / "1").rename(models.parent / "0a1b2c")
    (models / "colours" / "1").symlink_to(models.parent / "0a1b2c")
    listing = list_models(models)
    assert sorted(listing.versions) == ALL
    for folder in listing.versions.values():
        read_bundle(folder, SHIPPED)


@pytest.mark.parametrize("name", ["nothing", "../models", "", "..", "a/b", "\udcff", "x" * 10_000])
def test_any_name_can_be_looked_for(models: Path, name: str) -> None:
    assert not list_models(models, [name]).versions
    assert list(list_models(models, [name, "moods"]).versions) == [("moods", 1)]

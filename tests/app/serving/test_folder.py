import os
import shutil
from pathlib import Path

from app.serving.folder import ModelsFolder

ALL = {("colours", 1), ("moods", 1), ("sounds", 1)}


def known(folder: ModelsFolder) -> dict:
    """Return what a catalog knows after it has loaded everything."""
    look = folder.look({})
    assert look is not None
    return {key: sighting.digest for key, sighting in look.found.items()}


def test_the_identity_of_a_version_is_its_content(models: Path, tmp_path: Path) -> None:
    folder = ModelsFolder(models)
    before = known(folder)
    assert set(before) == ALL
    os.utime(models / "colours" / "1" / "manifest.json", (1, 1))
    shutil.copytree(models / "moods", tmp_path / "copy")
    shutil.rmtree(models / "moods")
    (tmp_path / "copy").rename(models / "moods")
    assert known(folder) == before
    manifest = models / "colours" / "1" / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    assert known(folder).items() ^ before.items() == {
        (("colours", 1), before["colours", 1]),
        (("colours", 1), known(folder)["colours", 1]),
    }


def test_a_root_that_links_to_equal_bytes_shows_no_change(models: Path, tmp_path: Path) -> None:
    """git-sync has a new working tree for each commit, and changes the link."""
    shutil.copytree(models, tmp_path / "commit")
    link = tmp_path / "current"
    link.symlink_to(models)
    folder = ModelsFolder(link)
    before = known(folder)
    (tmp_path / "new").symlink_to(tmp_path / "commit")
    (tmp_path / "new").replace(link)
    look = folder.look(before)
    assert look is not None
    assert {key: sighting.digest for key, sighting in look.found.items()} == before
    assert not look.gone


def test_only_a_listing_shows_that_a_version_is_gone(models: Path) -> None:
    folder = ModelsFolder(models)
    before = known(folder)
    (models / "colours").rename(models / "Away")
    (models / "colours").symlink_to("colours")  # an error while looking
    (models / "moods" / "1").rename(models / "moods" / "v1")
    (models / "sounds" / "1" / "manifest.json").rename(models / "sounds" / "1" / "old.json")
    look = folder.look(before)
    assert look is not None
    assert look.gone == {("moods", 1)}


def test_a_root_that_is_away_says_nothing(models: Path, log: list[dict]) -> None:
    folder = ModelsFolder(models)
    before = known(folder)
    away = models.rename(models.parent / "away")
    assert [folder.look(before) for _ in range(3)] == [None] * 3
    models.write_text("a file")
    assert folder.look(before) is None
    models.unlink()
    away.rename(models)
    look = folder.look(before)
    assert look is not None
    assert set(look.found) == ALL
    assert [(line["event"], line.get("reason")) for line in log] == [
        ("models folder", "cannot be listed: No such file or directory"),
        ("models folder", "cannot be listed: Not a directory"),
        ("models folder is back", None),
    ]


def test_a_root_that_is_suddenly_empty_is_believed_at_the_second_look(models: Path) -> None:
    folder = ModelsFolder(models)
    before = known(folder)
    for entry in list(models.iterdir()):
        shutil.rmtree(entry)
    assert folder.look(before) is None
    look = folder.look(before)
    assert look is not None
    assert look.gone == ALL


def test_another_root_that_is_empty_is_not_believed(models: Path, log: list[dict]) -> None:
    """What is left of a volume that was unmounted is the folder that it was mounted on."""
    folder = ModelsFolder(models)
    before = known(folder)
    away = models.rename(models.parent / "away")
    models.mkdir()
    assert [folder.look(before) for _ in range(5)] == [None] * 5
    models.rmdir()
    away.rename(models)
    look = folder.look(before)
    assert look is not None
    assert not look.gone
    assert [line["event"] for line in log] == ["models folder", "models folder is back"]


def test_an_entry_that_is_not_served_is_logged_once(models: Path, log: list[dict]) -> None:
    folder = ModelsFolder(models)
    (models / "lost+found").mkdir()
    (models / "colours" / "v7").mkdir()
    for _ in range(3):
        folder.look({})
    assert [(line["event"], line["path"]) for line in log] == [
        ("not served", "colours/v7"),
        ("not served", "lost+found"),
    ]
    (models / "lost+found").rmdir()
    folder.look({})
    (models / "lost+found").mkdir()
    folder.look({})
    assert [line["path"] for line in log[2:]] == ["lost+found"], "it is new"


def test_of_many_things_beside_a_few_are_said(models: Path, log: list[dict]) -> None:
    folder = ModelsFolder(models)
    for number in range(100):
        (models / f"X{number}").mkdir()
    for _ in range(2):
        folder.look({})
    assert len(log) == 21
    assert log[-1]["path"] == "80 others"


def test_the_manifest_of_a_loaded_version_that_cannot_be_read_is_said(
    models: Path, log: list[dict]
) -> None:
    folder = ModelsFolder(models)
    before = known(folder)
    (models / "colours" / "1" / "manifest.json").unlink()
    os.mkfifo(models / "colours" / "1" / "manifest.json")
    for _ in range(2):
        look = folder.look(before)
        assert look is not None
        assert look.found["colours", 1].digest is None
    [line] = log
    assert line["reason"] == "colours/1: no readable manifest.json (not a regular file)"

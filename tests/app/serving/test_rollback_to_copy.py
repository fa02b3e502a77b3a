"""`rollback --copy`: an old version's content goes live again under a new number."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.bundle import Bundle, publish, read_bundle
from app.bundle.serving_rule import ServingRule, read_rule, write_rule
from app.errors import ImpossibleChange, NotWritten
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.serving.rule_changes import hold, pin, rollback_to_copy
from tests import fakes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Versions 1 and 2 of a model, of which the second answers less surely."""
    publish(fakes.image_bundle(), tmp_path)
    return publish(fakes.image_bundle(version=2, sharpness=0.5), tmp_path).parent


def files(version: Path) -> dict[str, bytes]:
    found = (path for path in version.rglob("*") if path.is_file())
    return {path.relative_to(version).as_posix(): path.read_bytes() for path in found}


def test_a_copy_has_the_content_of_the_version_before(folder: Path) -> None:
    before = {name: files(folder / name) for name in ("1", "2")}
    change = rollback_to_copy(folder, SHIPPED)
    assert (change.before.version, change.after.version, change.copy_of) == (2, 3, 1)
    assert read_rule(folder) == ServingRule(), "the newest version serves, and that is the copy"
    assert {name: files(folder / name) for name in ("1", "2")} == before
    original, copy = before["1"], files(folder / "3")
    assert copy.keys() == original.keys()
    changed = [name for name in copy if copy[name] != original[name]]
    assert changed == ["manifest.json"]
    old, new = (json.loads(content["manifest.json"]) for content in (original, copy))
    assert {name for name in new if new[name] != old[name]} == {"version", "description"}
    assert (new["version"], new["files"]) == (3, old["files"])
    assert new["description"] == f"{old['description']} (A copy of version 1.)"


def test_a_copy_answers_as_its_original(folder: Path) -> None:
    rollback_to_copy(folder, SHIPPED)
    bundle = read_bundle(folder / "3", SHIPPED)
    assert replay(bundle, Pipeline(bundle)) == []
    assert bundle.golden == read_bundle(folder / "1", SHIPPED).golden


def test_a_pin_moves_to_the_copy(folder: Path) -> None:
    pin(folder, 2)
    assert rollback_to_copy(folder, SHIPPED).after.version == 3
    assert read_rule(folder) == ServingRule(policy="pinned", version=3)


def test_a_copy_of_a_copy_names_the_version_that_was_copied(folder: Path) -> None:
    rollback_to_copy(folder, SHIPPED)
    hold(folder, 2)
    hold(folder, 1)
    publish(fakes.image_bundle(version=4), folder.parent)
    assert rollback_to_copy(folder, SHIPPED).copy_of == 3
    description = read_bundle(folder / "5", SHIPPED).manifest.description
    assert description.endswith("image. (A copy of version 3.)")


def test_the_number_of_a_copy_is_above_all_that_are_taken(folder: Path) -> None:
    write_rule(folder, ServingRule().holding(7, "will be published"))
    (folder / "9").mkdir()
    assert rollback_to_copy(folder, SHIPPED).after.version == 10


def test_nothing_to_copy_is_refused(folder: Path) -> None:
    pin(folder, 1)
    with pytest.raises(ImpossibleChange, match="nothing to go back to"):
        rollback_to_copy(folder, SHIPPED)
    publish(fakes.image_bundle(version=10**18 - 1), folder.parent)
    write_rule(folder, ServingRule())
    with pytest.raises(ImpossibleChange, match="no version number above"):
        rollback_to_copy(folder, SHIPPED)
    assert len(list(folder.iterdir())) == 4


def test_a_broken_version_is_not_copied(folder: Path) -> None:
    graph = folder / "1" / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    with pytest.raises(ImpossibleChange) as caught:
        rollback_to_copy(folder, SHIPPED)
    assert str(caught.value) == (
        "version 1 cannot be copied: colours/1: model.onnx was altered (its sha256 differs)"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]


def test_a_number_that_is_taken_meanwhile_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*given: Any) -> Bundle:
        publish(fakes.image_bundle(version=3), folder.parent)  # by a training
        return read_bundle(*given)

    monkeypatch.setattr("app.bundle.copying.read_bundle", read)
    with pytest.raises(ImpossibleChange) as caught:
        rollback_to_copy(folder, SHIPPED)
    assert "version 1 cannot be copied: colours/3 exists already" in str(caught.value)


def test_a_pin_that_cannot_be_moved_says_that_the_copy_is_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(folder, 2)

    def refuse(*_: object) -> None:
        raise NotWritten("cannot write serving.json")

    monkeypatch.setattr("app.serving.rule_changes.write_rule", refuse)
    with pytest.raises(NotWritten, match="the copy was published as version 3"):
        rollback_to_copy(folder, SHIPPED)
    assert read_rule(folder).version == 2

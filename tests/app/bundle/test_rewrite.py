"""A card is rewritten in one step, and only a card."""

from dataclasses import replace
from pathlib import Path

import pytest

from app.bundle import Bundle, publish, read_bundle, versions
from app.bundle import rewrite as rewriting
from app.bundle.publish import seal
from app.bundle.rewrite import exchange, is_card_file, rewrite
from app.errors import InvalidBundle
from app.registry import SHIPPED
from tests import fakes


@pytest.fixture
def published(tmp_path: Path) -> Bundle:
    return read_bundle(publish(fakes.image_bundle(), tmp_path), SHIPPED)


def test_card_and_description_are_replaced(published: Bundle, tmp_path: Path) -> None:
    files = {**published.files, "README.md": b"# new", "card.json": b"{}"}
    described = published.manifest.model_copy(update={"description": "Another."})
    new = seal(described, files, SHIPPED)
    folder = rewrite(new, tmp_path)
    assert folder == tmp_path / "colours" / "1"
    assert read_bundle(folder, SHIPPED) == new
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


@pytest.mark.parametrize(
    ("file", "addition"),
    [
        ("golden/red.png", b"other"),
        ("golden/cases.json", b"\n"),
        ("tokenizer.json", b"{}"),
        ("golden/more.png", b"more"),
    ],
)
def test_rewriting_a_card_changes_no_file_that_answers(
    published: Bundle, tmp_path: Path, file: str, addition: bytes
) -> None:
    content = published.files.get(file, b"") + addition
    new = seal(published.manifest, {**published.files, file: content}, SHIPPED)
    with pytest.raises(InvalidBundle, match=f"{file} would change; left alone"):
        rewrite(new, tmp_path)
    assert read_bundle(tmp_path / "colours" / "1", SHIPPED) == published


@pytest.mark.parametrize("field", [{"tolerance": 0.01}, {"licence": "other"}, {"temperature": 2.0}])
def test_nor_may_the_manifest(published: Bundle, tmp_path: Path, field: dict) -> None:
    new = replace(published, manifest=published.manifest.model_copy(update=field))
    with pytest.raises(InvalidBundle, match=f"the manifest's {next(iter(field))} would change"):
        rewrite(new, tmp_path)


@pytest.mark.parametrize("in_one_step", [True, False])
def test_two_folders_exchange_their_names(
    in_one_step: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not in_one_step:  # as on a system without such a call
        monkeypatch.setattr(rewriting, "_exchanged", lambda one, other: False)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    exchange(tmp_path / "a", tmp_path / "b")
    assert [(tmp_path / name / "file").read_text() for name in ("a", "b")] == ["b", "a"]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failure_between_two_renames_restores_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewriting, "_exchanged", lambda one, other: False)
    (tmp_path / "1").mkdir()
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / ".missing", tmp_path / "1")
    assert versions(tmp_path) == {1: tmp_path / "1"}


def test_card_files_are_those_that_describe() -> None:
    card = ["README.md", "card.json", "confusion.png", "examples.jpg"]
    assert all(map(is_card_file, card))
    others = ["model.onnx", "golden/a.png", "golden/cases.json", "tokenizer.json", "manifest.json"]
    assert not any(map(is_card_file, others))

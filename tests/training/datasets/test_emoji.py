"""The pictograms: each once, split by its character, from a font that must be there."""

from pathlib import Path

import pytest

from training.data.split import Shares, split
from training.datasets import emoji
from training.errors import BadData, MissingData


def test_no_character_is_of_two_kinds():
    everything = "".join(emoji.KINDS.values())
    assert len(set(everything)) == len(everything) == 388


def test_a_font_that_is_not_there_is_said(
    tmp_path: Path, somewhere: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(emoji, "INSTALLED", tmp_path / "no.ttf")
    with pytest.raises(MissingData, match="fonts-noto-color-emoji"):
        emoji.load(None)
    other = tmp_path / "NotoColorEmoji.ttf"
    other.write_bytes(b"no font")
    with pytest.raises(BadData, match="is not a font with bitmaps of 109 pixels"):
        emoji.load(tmp_path)


def test_every_kind_is_in_every_split():
    if not emoji.INSTALLED.exists():
        pytest.skip("the font is not on this machine")
    dataset = emoji.load(None)
    assert len({sample.digest for sample in dataset.samples}) == len(dataset.samples)
    parts = split(dataset.samples, Shares(validation=12, test=28))
    for part in (parts.train, parts.validation, parts.test):
        assert {sample.label for sample in part} == set(emoji.KINDS)

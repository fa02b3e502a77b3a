"""`card.json`: what a card says beside the manifest comes back as it was stored."""

import pytest
from pydantic import ValidationError

from training.exporting.card.data import (
    CARD,
    DATA,
    CardData,
    Headline,
    ReliabilityBins,
    parse_sections,
    stored_data,
)

BINS = ReliabilityBins(
    split="test split", edges=(0, 0.5, 1), counts=(4, 6), accuracy=(0.5, 0.9), confidence=(0.4, 1)
)
DATA_OF_A_CARD = CardData(
    headline=Headline(figure="accuracy", sentence="{percent} % [1, 2]"),
    limits=("Café only.",),
    reliability=BINS,
    confusion=((5, 1), (0, 7)),
    sections={"Cost": "Little.\n\n| a |\n|---|"},
)
OLDER = b"""# toy

About.

## Measured

| a |

## Cost

3 s.

![confusion](confusion.png)
"""


def test_card_data_survive_storing():
    stored = DATA_OF_A_CARD.json_bytes()
    assert stored_data({DATA: stored}) == DATA_OF_A_CARD
    assert b"[5, 1]" in stored and "Café".encode() in stored


def test_an_older_card_gives_its_sections_without_table_and_pictures():
    assert stored_data({CARD: OLDER}) == CardData(sections={"Cost": "3 s."})
    assert stored_data({}) == CardData()


def test_a_section_keeps_its_lower_headings():
    assert parse_sections("## A\n\none\n\n### B\n\ntwo\n\n## C\n\nthree") == {
        "A": "one\n\n### B\n\ntwo",
        "C": "three",
    }


def test_the_error_is_the_mean_gap():
    assert BINS.samples == 10
    assert BINS.error == pytest.approx(0.4 * 0.1 + 0.6 * 0.1)


def test_every_bin_has_every_number():
    with pytest.raises(ValidationError, match="one number for each bin"):
        ReliabilityBins(split="", edges=(0, 1), counts=(1, 2), accuracy=(1,), confidence=(1,))

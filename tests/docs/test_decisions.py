"""Each decision record has a status; the index lists every record with it."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

FOLDER = DOCS / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
INDEX = (FOLDER / "index.md").read_text()
LINK = r"\[(\d{4})\]\((\d{4}-[\w-]+\.md)\)"
STATUS = re.compile(
    rf"accepted|proposed|(?:accepted, amended|superseded) by {LINK}(?: and {LINK})?"
)


def status(record: Path) -> str:
    return record.read_text().splitlines()[2].removeprefix("Status: ")


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_record_has_a_status(record: Path) -> None:
    lines = record.read_text().splitlines()
    title = re.fullmatch(rf"# {record.stem[:4]} (\S.*)", lines[0])
    assert title is not None
    assert lines[2].startswith("Status: ")
    assert STATUS.fullmatch(status(record)), status(record)
    for number, file in re.findall(LINK, status(record)):
        assert file.startswith(number)
        assert (FOLDER / file).is_file()
    assert f"| {record.stem[:4]} | [{title[1]}]({record.name}) | {status(record)} |" in INDEX


def test_the_index_has_no_other_records() -> None:
    assert len(re.findall(r"^\| \d{4} \|", INDEX, re.M)) == len(RECORDS)


def test_numbers_are_unique() -> None:
    numbers = [record.name[:4] for record in RECORDS]
    assert len(set(numbers)) == len(numbers)

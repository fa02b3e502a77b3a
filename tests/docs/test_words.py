"""README.md and docs/ use the field's words, and name files that exist."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import CARDS, PAGES, ROOT, WRITTEN, prose

PRIVATE = re.compile(
    r"\b(told|tells? \w* ?apart|askers?|crews?|companions?|departures?|as ever|goes on from|"
    r"gone on with|kin|lest|is called rightly|called otherwise|judged apart|who (left|leaves|asks)|"
    r"of whom|whose manner)\b",
    re.I,
)
_FOLDER = r"(?:app|benchmarks|deploy|requirements|tests|training)"
FILE = re.compile(rf"`({_FOLDER}/[\w./*-]+)`|(?<![\w/])({_FOLDER}/[\w/-]+\.(?:py|sh|txt|yaml))")
OURS = [page for page in (*PAGES, *CARDS) if page not in WRITTEN]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", OURS, ids=name)
def test_a_page_uses_no_private_word(page: Path) -> None:
    assert [found[0] for found in PRIVATE.finditer(prose(page))] == []


@pytest.mark.parametrize("page", OURS, ids=name)
def test_a_page_names_files_that_exist(page: Path) -> None:
    named = [one or other for one, other in FILE.findall(page.read_text())]
    assert [path for path in named if not list(ROOT.glob(path.rstrip("/")))] == []

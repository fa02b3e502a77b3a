"""SECURITY.md names tests that exist, for every class of vulnerabilities."""

import re

import pytest

from tests import claims
from tests.docs.pages import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()
CLAIMS = sorted(set(re.findall(r"`(tests/[\w/.]+\.py::\w+)`", TEXT)))
CLASSES = [line for line in TEXT.partition("## Known classes")[2].splitlines() if line[:2] == "| "]
NAMES = (
    *("Path traversal", "Shared memory", "Pickles", "external data", "Host header", "Range"),
    *("python-multipart", "Pillow", "libsndfile", "Request smuggling", "Decompression bombs"),
    *("JSON", "Hash collisions", "ReDoS", "XXE", "Log injection", "Timing of key comparison"),
)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_named_test_exists(claim: str) -> None:
    assert claims.is_a_test(claim)


@pytest.mark.parametrize("line", CLASSES, ids=lambda line: line.split("|")[1].strip()[:40])
def test_every_class_names_a_test(line: str) -> None:
    assert line.startswith("| class |") or any(f"`{claim}`" in line for claim in CLAIMS)


@pytest.mark.parametrize("name", NAMES)
def test_the_known_classes_are_there_by_name(name: str) -> None:
    assert any(name in line.split("|")[1] for line in CLASSES)


def test_no_claim_is_written_in_another_way() -> None:
    assert TEXT.count("::") == sum(TEXT.count(f"`{claim}`") for claim in CLAIMS)
    assert len(CLAIMS) > 80

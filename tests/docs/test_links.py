"""Relative links of the pages that Sphinx does not build lead to files and headings that exist."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import CARDS, README, ROOT

LINK = re.compile(r"\]\(([^)\s]+)|^\[[^\]]+\]:\s+(\S+)|(?:src|href)=\"([^\"]+)\"", re.M)
CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]*`", re.M | re.S)
OTHERS = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "benchmarks/README.md")
OUTSIDE_DOCS = (README, *(ROOT / name for name in OTHERS), *CARDS)


def relative_links(page: Path) -> Iterator[str]:
    """Yield the targets of a page's links, without addresses of the web."""
    for parts in LINK.findall(CODE.sub("", page.read_text())):
        target = "".join(parts)
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(page: Path) -> set[str]:
    """Return the fragments that GitHub gives the headings of a page."""
    seen, found = Counter[str](), set()
    text = re.sub(r"^(`{3,}).*?^\1", "", page.read_text(), flags=re.M | re.S)
    for heading in re.findall(r"^#+ (.+)$", text, re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def dead(page: Path) -> list[str]:
    """Return the relative links of a page that lead nowhere."""
    found = []
    for link in relative_links(page):
        path, _, fragment = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", OUTSIDE_DOCS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert dead(page) == []


def test_a_link_to_no_file_or_no_heading_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A b, `c`\n\n[x](other.md) [y](#a-b-c) [z](#a-b) [w](https://x.org) `[v](no.md)`\n"
        '<img src="no.png">\n\n# A b, `c`\n\n[u](#a-b-c-1)\n'
    )
    assert dead(page) == ["other.md", "#a-b", "no.png"]

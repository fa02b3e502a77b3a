"""Tables, cells and numbers of a card in Markdown."""

from collections.abc import Sequence
from typing import Any

from app.bundle import Manifest, Measurement


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def cell(text: str) -> str:
    """Return a text for a cell of a table: in one line, its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(text: str) -> str:
    """Return a text as code in a cell of a table."""
    return f"`{cell(text).replace('`', chr(39))}`"


def figure(value: float) -> str:
    """Return a number in four digits, in more where it would look like 0 or 1."""
    if 0.99995 <= value < 1:
        return f"{value:.7f}"
    return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.1e}"


def measured(manifest: Manifest, name: str, split: str = "") -> Measurement | None:
    """Return the first figure of a name, of a split where one is named."""
    found = (m for m in manifest.metrics if m.name == name and split in ("", m.split))
    return next(found, None)


def named_split(split: str) -> str:
    """Return what a card calls the samples of a figure."""
    return "test split" if split == "test" else split

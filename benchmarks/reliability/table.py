"""The table: on the terminal as rows come, and in docs/reliability.md between two markers."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import machine
from benchmarks.reliability.promise import Row

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "reliability.md"


def line(row: Row) -> str:
    """Return a row for the terminal, in two lines."""
    wanted = f"wanted {row.promise.wanted}, measured {row.measured}"
    return f"{row.verdict:9}{row.experiment}: {row.promise.what}\n{'':9}{wanted}"


def summary(rows: Sequence[Row]) -> str:
    """Return how many rows are held, and the names of those that are not."""
    held = sum(row.verdict == "held" for row in rows)
    text = f"{held} of {len(rows)} promises are held"
    for verdict in ("skipped", "noisy"):
        count = sum(row.verdict == verdict for row in rows)
        text += f", {count} {verdict}" if count else ""
    missed = [f"{row.experiment} ({row.promise.name})" for row in rows if not_held(row)]
    return f"{text}; not held: {', '.join(missed)}" if missed else text


def not_held(row: Row) -> bool:
    """Whether the row makes the command fail."""
    return row.verdict == "NOT HELD"


def markdown(rows: Iterable[Row]) -> str:
    """Return the rows as a table of a document."""
    lines = ["| promise | wanted | measured | |", "|---|---|---|---|"]
    for row in rows:
        verdict = f"**{row.verdict.lower()}**" if not_held(row) else row.verdict
        cells = (row.promise.what, str(row.promise.wanted), row.measured, verdict)
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)


def write(name: str, command: str, rows: Sequence[Row], document: Path = DOCUMENT) -> None:
    """Replace the part between the markers `<!-- name -->` and `<!-- end of name -->`."""
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = document.read_text()
    if start not in text or end not in text:
        raise ValueError(f"{document} has no markers {start} and {end}")
    heading = f"`{command}`, {machine.describe()}. {summary(rows)}."
    part = f"{start}\n\n{heading}\n\n{markdown(rows)}\n\n{end}"
    pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
    document.write_text(pattern.sub(lambda _: part, text))

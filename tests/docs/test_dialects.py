"""The tables of docs/reference/dialects.md are those of the code."""

from app.api.dialects import DIALECTS
from app.registry import SHIPPED
from tests.docs.pages import DOCS

PAGE = (DOCS / "reference" / "dialects.md").read_text()
SAID = [dialect for dialect in DIALECTS if dialect.rows]


def line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def table() -> list[str]:
    """Return which dialects can ask for a task of models of a modality."""
    asked = {
        (row.task, modality) for each in SAID for row in each.rows for modality in row.modalities
    }
    names = [dialect.name for dialect in SAID]
    lines = [line("task", "models of", "`/v1`", *names), "|" + "---|" * (3 + len(names))]
    for task in SHIPPED.tasks:
        for modality in sorted(modality for name, modality in asked if name == task):
            cells = [
                any(row.task == task and modality in row.modalities for row in dialect.rows)
                for dialect in SAID
            ]
            lines.append(line(task, modality, *("yes" if cell else "–" for cell in (True, *cells))))
    return lines


def rows() -> list[str]:
    """Return how each is asked, and answered."""
    lines = [line("dialect", "address", "task", "models of", "request of one item", "answer")]
    lines.append("|---|---|---|---|---|---|")
    for dialect in SAID:
        for row in dialect.rows:
            kinds = ", ".join(row.modalities)
            cells = (f"`{row.address}`", row.task, kinds, row.asks, row.answers)
            lines.append(line(dialect.name, *cells))
    return lines


def test_the_page_has_the_table_of_the_code() -> None:
    assert "\n".join(table()) in PAGE, "\n".join(["", *table()])


def test_the_page_has_every_row_of_the_code() -> None:
    assert "\n".join(rows()) in PAGE, "\n".join(["", *rows()])

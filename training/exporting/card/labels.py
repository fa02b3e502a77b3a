"""How well each label is predicted, as a table of the card."""

from collections.abc import Sequence

from training.exporting.card.data import LabelFigures
from training.exporting.card.markdown import cell, table

_FOLDED = 20  # more labels than this are folded


def labels_table(figures: Sequence[LabelFigures]) -> str:
    """Return the figures of each label, the least often recognized first."""
    ordered = sorted(figures, key=lambda f: (f.recall is None, f.recall or 0.0, -f.support))
    rows = [
        (cell(f.label), f.support, *map(_percent, (f.recall, f.precision, f.f1))) for f in ordered
    ]
    heads = ["label", "samples", "recall", "precision", "F1"]
    text = (
        "Recall is the share of a label's samples that get it, precision the share of the answers "
        "with this label that are right; F1 is their harmonic mean."
    )
    listed = table(heads, rows)
    if len(rows) > _FOLDED:
        listed = f"<details>\n<summary>{len(rows)} labels</summary>\n\n{listed}\n\n</details>"
    return f"{text}\n\n{listed}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"

"""What a part of a run finds out: figures for the manifest, and sections for the model card."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from app.bundle import Measurement
from training.recipes.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures and sections, in the order in which manifest and card have them."""

    metrics: tuple[Measurement, ...] = ()
    sections: tuple[str, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[Self]) -> Self:
        """Return the findings of all parts, in order."""
        found = list(parts)
        return cls(
            tuple(metric for part in found for metric in part.metrics),
            tuple(section for part in found for section in part.sections),
        )


def comparison_findings(recipe: Recipe) -> Findings:
    """Return the table of the candidates among which this start was chosen, if there were any."""
    table = recipe.lineage.comparison
    text = (
        "The starts learnt from a part of the training split, and another part of it judged them: "
        "accuracy and cross-entropy there. The lowest cross-entropy wins; within one standard "
        "error of it, the smallest network of half the size or less does."
    )
    return Findings(sections=(f"## Candidates\n\n{text}\n\n{table}",)) if table else Findings()


def figure_lines(figures: Sequence[Measurement]) -> list[str]:
    """Return a line of text for each figure."""
    return [f"{figure.name}: {figure.value:.4f} ({figure.samples} samples)" for figure in figures]

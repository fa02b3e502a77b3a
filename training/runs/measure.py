"""How good a published classifier is on labelled files: told, and nothing is changed.

It says what the service would answer: the graph, the temperature, the label sets and the
abstaining are the bundle's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from app.bundle import Bundle, Manifest, Measurement
from app.runtime.session import Session
from training.measuring.evaluate import classifier_outputs, confusion_of
from training.measuring.labelled_files import read
from training.measuring.reliability import labelled_figures

_SHOWN = 10  # mistakes of a kind


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures of a bundle on named data; `confusion[i, j]`: label i was called label j."""

    manifest: Manifest
    data: str
    figures: Sequence[Measurement]
    confusion: np.ndarray

    def mistakes(self) -> list[tuple[str, str, int, int]]:
        """Return what is called what else, how often, and of how many; the most frequent first."""
        labels, counts = self.manifest.labels, self.confusion.sum(axis=1)
        found = [
            (labels[i], labels[j], int(self.confusion[i, j]), int(counts[i]))
            for i, j in zip(*np.nonzero(self.confusion), strict=True)
            if i != j
        ]
        return sorted(found, key=lambda mistake: -mistake[2])

    def report(self) -> bytes:
        """Return all of it as JSON: `model`, `version`, `data`, `figures`, `mistakes`."""
        keys = ("label", "called", "count", "of")
        whole = {
            "model": self.manifest.name,
            "version": self.manifest.version,
            "data": self.data,
            "figures": [figure.model_dump() for figure in self.figures],
            "mistakes": [dict(zip(keys, mistake, strict=True)) for mistake in self.mistakes()],
        }
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def measure(bundle: Bundle, data: Path) -> Measured:
    """Measure a classifier on labelled files, and print it; see `labelled_files` for the errors."""
    manifest, (name, examples) = bundle.manifest, read(bundle, data)
    answers = classifier_outputs(manifest, Session(bundle.model), examples.items)
    figures = labelled_figures(answers, examples, (manifest.conformal, manifest.novelty), name)
    confusion = confusion_of(answers.probabilities, examples.targets)
    measured = Measured(manifest, name, figures, confusion)
    print(f"{manifest.name}/{manifest.version} on {name}:")
    tell(figures)
    for label, called, count, all_of_it in measured.mistakes()[:_SHOWN]:
        print(f"  {label} called {called}: {count} of {all_of_it}")
    return measured


def tell(figures: Sequence[Measurement]) -> None:
    """Print figures, a line each."""
    for figure in figures:
        print(f"{figure.name}: {figure.value:.4f} ({figure.samples} samples)")

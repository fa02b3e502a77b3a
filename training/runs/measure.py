"""How good a published classifier is on labelled files; the bundle is not changed.

The answers are those that the service would give: the graph, the temperature, the label sets and
the rule for abstaining are the bundle's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from app.bundle import Bundle, Manifest, Measurement
from app.runtime.session import Session
from training.data.reading.options import ReadingOptions
from training.measuring.evaluate import classifier_outputs, confusion_of
from training.measuring.labelled_files import read
from training.measuring.reliability import AbstentionRules, labelled_figures
from training.modalities import TRAINING_MODALITIES, TrainingModalities
from training.runs.findings import figure_lines

_LISTED = 10  # kinds of mistakes


@dataclass(frozen=True, slots=True)
class MeasuredBundle:
    """Figures of a bundle on named data; `confusion[i, j]`: label i was predicted as label j."""

    manifest: Manifest
    data: str
    figures: Sequence[Measurement]
    confusion: np.ndarray

    def mistakes(self) -> list[tuple[str, str, int, int]]:
        """Return label, predicted label, how often, of how many; the most frequent first."""
        labels, counts = self.manifest.labels, self.confusion.sum(axis=1)
        found = [
            (labels[i], labels[j], int(self.confusion[i, j]), int(counts[i]))
            for i, j in zip(*np.nonzero(self.confusion), strict=True)
            if i != j
        ]
        return sorted(found, key=lambda mistake: -mistake[2])

    def report(self) -> bytes:
        """Return all of it as JSON: `model`, `version`, `data`, `figures`, `mistakes`."""
        keys = ("label", "predicted", "count", "of")
        whole = {
            "model": self.manifest.name,
            "version": self.manifest.version,
            "data": self.data,
            "figures": [figure.model_dump() for figure in self.figures],
            "mistakes": [dict(zip(keys, mistake, strict=True)) for mistake in self.mistakes()],
        }
        return orjson.dumps(whole, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def lines(self) -> list[str]:
        """Return the figures and the most frequent mistakes as lines of text."""
        return [
            f"{self.manifest.name}/{self.manifest.version} on {self.data}:",
            *figure_lines(self.figures),
            *(
                f"  {label} predicted as {predicted}: {count} of {total}"
                for label, predicted, count, total in self.mistakes()[:_LISTED]
            ),
        ]


def measure(
    bundle: Bundle,
    data: Path,
    modalities: TrainingModalities = TRAINING_MODALITIES,
    options: ReadingOptions = ReadingOptions(),
) -> MeasuredBundle:
    """Measure a classifier on labelled files; see `labelled_files` for the errors."""
    manifest = bundle.manifest
    name, examples = read(bundle, data, modalities.values(), options)
    answers = classifier_outputs(manifest, Session(bundle.graph), examples.items)
    figures = labelled_figures(answers, examples, AbstentionRules.of(manifest), name)
    confusion = confusion_of(answers.probabilities, examples.targets)
    return MeasuredBundle(manifest, name, figures, confusion)

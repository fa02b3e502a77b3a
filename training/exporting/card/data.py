"""What a card says beside the manifest, stored in the bundle as `card.json`.

With it, a card can be written anew without measuring anything: `thalamus-train card`.
"""

import json
import re
from collections.abc import Mapping
from typing import Self

from pydantic import Field, model_validator

from app.bundle.tensors import Frozen

CARD, DATA = "README.md", "card.json"
CURVE, CONFUSION, RELIABILITY = "learning-curve.png", "confusion.png", "reliability.png"
_NUMBERS = re.compile(r"\[([\s\d.,e-]+)\]")  # a row of a confusion matrix


class Headline(Frozen):
    """The one figure that a card opens with, and the one that it is compared with.

    figure, baseline: names in the manifest's metrics; split: of `figure`, where several have that
    name. sentence, comparison: what the two say, with `{percent}` or `{value}`, `{samples}` and
    `{split}` in them.
    """

    figure: str
    sentence: str
    split: str = ""
    baseline: str = ""
    comparison: str = ""


class ReliabilityBins(Frozen):
    """How often answers of like confidence are correct.

    split: names the samples. edges: of the bins, 0 to 1, one more than there are bins. counts:
    samples in each bin. accuracy, confidence: means over each bin, 0 where it is empty.
    """

    split: str
    edges: tuple[float, ...] = Field(min_length=2)
    counts: tuple[int, ...]
    accuracy: tuple[float, ...]
    confidence: tuple[float, ...]

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        lengths = {len(self.edges) - 1, *map(len, (self.counts, self.accuracy, self.confidence))}
        if len(lengths) != 1:
            raise ValueError("counts, accuracy and confidence have one number for each bin")
        return self

    @property
    def samples(self) -> int:
        """The number of samples in all bins."""
        return sum(self.counts)

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1."""
        bins = zip(self.counts, self.accuracy, self.confidence, strict=True)
        gaps = (count * abs(accuracy - confidence) for count, accuracy, confidence in bins)
        return sum(gaps) / max(self.samples, 1)


class LabelFigures(Frozen):
    """How well one label is predicted, 0..1, on the split of the confusion matrix.

    support: samples of the label. A figure is None where nothing was there to measure it on.
    """

    label: str
    support: int
    recall: float | None = None
    precision: float | None = None
    f1: float | None = None


class CardData(Frozen):
    """What a run adds to the card.

    limits: sentences on what the model does not do; `{figure}` or `{figure | split}` stands for a
    share among the manifest's metrics, in percent. confusion: of the split of the headline's
    accuracy; row i, column j counts the samples of label i that were predicted as j; empty where
    there are too many labels. label_figures: on the same split. warnings: sentences that the card
    opens with. sections: heading → Markdown.
    """

    headline: Headline | None = None
    limits: tuple[str, ...] = ()
    reliability: ReliabilityBins | None = None
    confusion: tuple[tuple[int, ...], ...] = ()
    label_figures: tuple[LabelFigures, ...] = ()
    warnings: tuple[str, ...] = ()
    sections: dict[str, str] = Field(default_factory=dict)

    def json_bytes(self) -> bytes:
        """Return the content of `card.json`."""
        document = json.dumps(self.model_dump(exclude_defaults=True), indent=2, ensure_ascii=False)
        return (_NUMBERS.sub(_in_one_line, document) + "\n").encode()


def _in_one_line(numbers: re.Match[str]) -> str:
    return f"[{' '.join(numbers[1].split())}]"


def stored_data(files: Mapping[str, bytes]) -> CardData:
    """Return what a bundle's files store; of a card without `card.json`, its further sections."""
    if DATA in files:
        return CardData.model_validate_json(files[DATA])
    found = parse_sections(files[CARD].decode()) if CARD in files else {}
    found.pop("Measured", None)
    return CardData(sections=found)


def parse_sections(markdown: str) -> dict[str, str]:
    """Return the sections of a Markdown text by their headings `## …`, without pictures."""
    _, *parts = f"\n{markdown}".split("\n## ")
    found = {}
    for part in parts:
        heading, _, text = part.partition("\n")
        lines = [line for line in text.split("\n") if not line.startswith("![")]
        found[heading.strip()] = "\n".join(lines).strip()
    return found

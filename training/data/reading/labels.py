"""Labels as a person reads them: without space around them, and one spelling each.

Nothing is guessed: labels that differ only by case or space stay apart, with a warning. `1` and
`1.0` are one number and become one label, which is said.
"""

import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from training.errors import BadData

_NOTHING = {"nan", "null", "<na>", "#n/a", "#na"}  # how tools write a missing value
_MANY_NUMBERS = 30  # different ones; with few samples of each they are a quantity, not labels
_FEW_SAMPLES = 20  # of each number
_FEW_FRACTIONS = 12  # steps of a rating may be halves
_SHOWN = 10
_JOINT = re.compile(r"(?<=\w)[-_](?=\w)")  # joins two words; that of `A-` or `-1` means something


class NoLabel(ValueError):
    """The value is no label; the text says why."""


def label_from(value: Any) -> str:
    """Return the label that a cell or a folder's name states; raise `NoLabel`."""
    if isinstance(value, list | tuple | dict | set):
        raise NoLabel("the label is a list; one label for each sample is expected")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        raise NoLabel("the label is missing")
    if isinstance(value, bytes):
        raise NoLabel("the label is no text")
    label = unicodedata.normalize("NFC", str(value)).strip()
    if not label:
        raise NoLabel("the label is missing")
    if label.casefold() in _NOTHING:
        raise NoLabel(f"the label is missing: {label}")
    return label


def merged(name: str, counts: Mapping[str, int]) -> tuple[dict[str, str], list[str]]:
    """Return the label that each label becomes, and warnings. counts: samples of each label."""
    becomes, warnings = {label: label for label in counts}, []
    by_value = defaultdict(list)
    for label in counts:
        number = _number(label)
        if number is not None:
            by_value[number].append(label)
    same = [sorted(labels, key=lambda x: (len(x), x)) for labels in by_value.values()]
    same = [labels for labels in same if len(labels) > 1]
    for labels in same:
        becomes |= dict.fromkeys(labels, labels[0])
    if same:
        pairs = "; ".join(" = ".join(labels) for labels in same[:_SHOWN])
        warnings.append(f"{name}: labels that are one number are one label: {pairs}")
    return becomes, warnings + _alike(name, sorted(set(becomes.values())))


def _alike(name: str, labels: Sequence[str]) -> list[str]:
    """Return warnings of labels that a person reads as one, or as several in one."""
    spellings = defaultdict(list)
    for label in labels:
        folded = unicodedata.normalize("NFKC", label).casefold()
        spellings["".join(_JOINT.sub(" ", folded).split())].append(label)
    groups = [" / ".join(map(repr, each)) for each in spellings.values() if len(each) > 1]
    warnings = []
    if groups:
        some = "; ".join(groups[:_SHOWN]) + ("; …" if len(groups) > _SHOWN else "")
        warnings.append(
            f"{name}: labels differ only by case, space or spelling, and are learnt as different "
            f"ones: {some}"
        )
    known = set(labels)
    for sign in "|;,":
        joined = [x for x in labels if sign in x and all(p.strip() in known for p in x.split(sign))]
        if joined:
            warnings.append(
                f"{name}: labels look like several in one, and each is learnt as one of its own: "
                + ", ".join(map(repr, joined[:_SHOWN]))
            )
    return warnings


def check_no_quantity(name: str, counts: Mapping[str, int]) -> None:
    """Raise `BadData` where the labels are numbers with too many values to be labels."""
    numbers = [_number(label) for label in counts]
    if not numbers or any(number is None for number in numbers):
        return
    fractions = sum(number != round(number) for number in numbers if number is not None)
    per_number = sum(counts.values()) / len(counts)
    many = len(counts) > _MANY_NUMBERS and per_number < _FEW_SAMPLES
    if many or (len(counts) > _FEW_FRACTIONS and 2 * fractions > len(counts)):
        raise BadData(
            f"{name}: the labels are {len(counts)} different numbers, such as "
            f"{', '.join(list(counts)[:3])}. A quantity is not predicted (no regression); divide "
            "it into a few named ranges, or choose another column with --label-column"
        )


def _number(label: str) -> float | None:
    try:
        number = float(label) if label.isascii() and "_" not in label else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None

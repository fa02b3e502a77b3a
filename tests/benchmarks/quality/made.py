"""Small sets, made of nothing that anybody owns."""

from collections.abc import Iterable, Sequence

from benchmarks.quality.prepare import Facts
from benchmarks.quality.sets import Kind, QualitySet
from benchmarks.quality.splits import Item, text_key


def texts(count: int = 200) -> list[Item]:
    """Return texts of two labels that a word decides."""
    made = []
    for number in range(count):
        label = ("good", "bad")[number % 2]
        text = f"room {number} was {label}, {number * 7 % 13} of 13"
        made.append(Item(text_key(text), label, text.encode(), ".txt"))
    return made


def quality_set(items: Iterable[Item], kind: Kind = "text", name: str = "toy") -> QualitySet:
    """Return a set that reads these samples."""
    kept: Sequence[Item] = list(items)
    return QualitySet(name, kind, "a toy", "made here", "CC0", "one in five", lambda: kept)


def facts(name: str = "toy", digest: str = "d", train: int = 160, kind: Kind = "text") -> Facts:
    """Return what is known of a prepared set."""
    return Facts(name, kind, digest, train, 40, 2, 0.5, {})

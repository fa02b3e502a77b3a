"""Which samples train and which test: a rule on content, so that everybody has the same split.

The key of a sample is the sha256 of what it shows: pixels, or text with single spaces. Its first 32
bits decide the part, the next 64 which samples stay where a training part is cut.
"""

import hashlib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

Part = Literal["train", "test"]
TEST_SHARE = 5  # one sample in five tests, where the authors did not say which
MOST = 5_000  # training samples


@dataclass(frozen=True, slots=True)
class Item:
    """A labelled sample: a file's bytes, or the UTF-8 of a text.

    key: a sha256 in hexadecimal digits. part: prescribed by the authors or by who speaks; None: the
    key decides.
    """

    key: str
    label: str
    content: bytes
    suffix: str
    part: Part | None = None


@dataclass(frozen=True)
class Split:
    """Both parts, in the order of the keys, and how many samples were left out, by reason."""

    train: Sequence[Item]
    test: Sequence[Item]
    left_out: dict[str, int]

    @property
    def digest(self) -> str:
        """The sha256 over part, key and label of every sample."""
        lines = (
            f"{part} {item.key} {item.label}\n"
            for part, items in (("train", self.train), ("test", self.test))
            for item in items
        )
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def text_key(text: str) -> str:
    """Return the key of a text: texts that differ in white space alone have the same one."""
    shown = " ".join(unicodedata.normalize("NFC", text).split())
    return hashlib.sha256(shown.encode("utf-8", "replace")).hexdigest()


def divide(items: Iterable[Item], most: int = MOST) -> Split:
    """Return the split; copies, and samples with the key of another label, are left out.

    A test that the authors prescribe stays whole, and its copies do not train.
    """
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.key].append(item)
    parts: dict[Part, list[Item]] = {"train": [], "test": []}
    left_out = Counter[str]()
    for key in sorted(groups):
        group = groups[key]
        if len({item.label for item in group}) > 1:
            left_out["same content, several labels"] += len(group)
            continue
        chosen = [item for item in group if item.part == "test"] or group[:1]
        part = chosen[0].part or part_of(key)
        parts[part] += [replace(item, part=part) for item in chosen]
        left_out["copies"] += len(group) - len(chosen)
    train = cut(parts["train"], most)
    left_out["training cut"] = len(parts["train"]) - len(train)
    return Split(train, parts["test"], {why: n for why, n in left_out.items() if n})


def part_of(key: str) -> Part:
    """Return the part of a sample whose part is not prescribed."""
    return "test" if int(key[:8], 16) % TEST_SHARE == 0 else "train"


def cut(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` samples, in the order of their keys; each label keeps its share."""
    if len(items) <= most:
        return list(items)
    by_label: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_label[item.label].append(item)
    kept: list[Item] = []
    for label, quota in _quotas(by_label, most).items():
        kept += sorted(by_label[label], key=lambda item: item.key[8:24])[:quota]
    return sorted(kept, key=lambda item: item.key)


def _quotas(by_label: dict[str, list[Item]], most: int) -> dict[str, int]:
    """Divide `most` by the labels' numbers of samples; the largest remainders get what is left."""
    total = sum(map(len, by_label.values()))
    exact = {label: len(by_label[label]) * most / total for label in sorted(by_label)}
    quotas = {label: int(share) for label, share in exact.items()}
    by_remainder = sorted(exact, key=lambda label: quotas[label] - exact[label])
    for label in by_remainder[: most - sum(quotas.values())]:
        quotas[label] += 1
    return quotas

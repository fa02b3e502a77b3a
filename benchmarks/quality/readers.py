"""The public data sets as their authors publish them → samples.

Files are found by `training.data.sources.locate`: in the folder that THALAMUS_DATA names, in
`data/`, or by download. What a download gives is compared with a pinned sha256.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import PurePath

import numpy as np
from PIL import Image

from benchmarks.quality.splits import Item, Part, text_key
from training.data.archives import files_of
from training.data.sources import DataFile, locate
from training.datasets import mnist, spamassassin, spoken_digits
from training.datasets.mnist import png
from training.errors import MissingData

STRANGERS = ("theo", "yweweler")  # of the six speakers of the spoken digits: they test
ACTORS = ("14", "15", "16")  # of the ten of Emo-DB: two women and a man, who test
EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}


def digits() -> Iterator[Item]:
    """Yield the 10,000 digits of MNIST that the npm package `mnist` holds."""
    [archive] = locate([MNIST], None)
    for sample in mnist.load(archive).samples:
        yield Item(sample.digest, sample.label, sample.payload.data, ".png")


def pneumonia() -> Iterator[Item]:
    """Yield PneumoniaMNIST: the authors' test tests, their training and validation train."""
    [archive] = locate([PNEUMONIA], None)
    with np.load(archive) as arrays:
        parts: dict[str, Part] = {"train": "train", "val": "train", "test": "test"}
        for name, part in parts.items():
            images, targets = arrays[f"{name}_images"], arrays[f"{name}_labels"].reshape(-1)
            for image, target in zip(images, targets, strict=True):
                label = "pneumonia" if target else "normal"
                yield Item(_sha256(image.tobytes()), label, png(image), ".png", part)


def signs() -> Iterator[Item]:
    """Yield the photos of hand signs, one folder for each digit."""
    yield from _pictures(SIGNS, "*/*.JPG", lambda path: path.parent.name)


def tiles() -> Iterator[Item]:
    """Yield the photos of magnetic tiles, sound or with one of five faults; no masks."""
    yield from _pictures(
        TILES,
        "MT_*/Imgs/*.jpg",
        lambda path: path.parent.parent.name.removeprefix("MT_").lower(),
        TILES_CONTENT,
    )


def spoken() -> Iterator[Item]:
    """Yield the spoken digits; two of six speakers test."""
    for sample in spoken_digits.load(None).samples:
        part: Part = "test" if sample.group in STRANGERS else "train"
        yield Item(sample.digest, sample.label, sample.payload.data, ".wav", part)


def animals() -> Iterator[Item]:
    """Yield the sounds of ten animals; the halves of a folder are one label."""
    for path, data in _checked(ANIMALS, "*/*.[wW][aA][vV]", ANIMALS_CONTENT):
        yield Item(_sha256(data), path.parent.name.partition("-")[0].lower(), data, ".wav")


def emotions() -> Iterator[Item]:
    """Yield acted emotions in ten sentences; three of ten actors test."""
    for path, data in _checked(EMODB, "wav/*.wav", EMODB_CONTENT):
        part: Part = "test" if path.name[:2] in ACTORS else "train"
        yield Item(_sha256(data), EMOTIONS[path.name[5]], data, ".wav", part)


def mail() -> Iterator[Item]:
    """Yield the bodies of mails, HTML perhaps; near copies have the same key."""
    for sample in spamassassin.load(None).samples:
        yield Item(sample.digest, sample.label, sample.payload.data, ".txt")


def table(
    source: DataFile, text: int | str, label: int | str, delimiter: str = ","
) -> Iterator[Item]:
    """Yield the rows of a table; columns by name, or by number where it has no header.

    A table with tabs has no quoting. Rows without text or label are left out.
    """
    [path] = locate([source], None)
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = (
            csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            if delimiter == "\t"
            else csv.reader(file, delimiter=delimiter)
        )
        columns = [text, label]
        if isinstance(text, str):
            header = next(rows)
            columns = [header.index(str(name)) for name in columns]
        for row in rows:
            try:
                shown, named = (row[int(column)] for column in columns)
            except IndexError:
                raise MissingData(f"{path}: a row without both columns: {row!r:.100}") from None
            if shown.strip() and named.strip():
                yield Item(text_key(shown), named.strip(), shown.encode(), ".txt")


def _pictures(
    source: DataFile, pattern: str, label: Callable[[PurePath], str], digest: str | None = None
) -> Iterator[Item]:
    for path, data in _checked(source, pattern, digest):
        with Image.open(io.BytesIO(data)) as image:
            key = _sha256(f"{image.size} {image.mode}".encode() + image.tobytes())
        yield Item(key, label(path), data, path.suffix.lower())


def _checked(
    source: DataFile, pattern: str, digest: str | None
) -> Iterator[tuple[PurePath, bytes]]:
    """Yield the files of an archive; raise `MissingData` where they are not those of `digest`."""
    [path] = locate([source], None)
    files = list(files_of(path, pattern, "a readable zip archive"))
    found = content_digest(files)
    if digest is not None and found != digest:
        raise MissingData(f"{path} holds other files {pattern} than were pinned (sha256 {found})")
    yield from files


def content_digest(files: list[tuple[PurePath, bytes]]) -> str:
    """Return the sha256 over the last two parts of each path and the sha256 of its content."""
    lines = sorted(f"{'/'.join(path.parts[-2:])} {_sha256(data)}\n" for path, data in files)
    return _sha256("".join(lines).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _archive(repository: str, commit: str, name: str) -> DataFile:
    url = f"https://github.com/{repository}/archive/{commit}.zip"
    return DataFile(f"{name}-{commit[:8]}.zip", url, None, content_is_checked=True)


MNIST = DataFile(
    "mnist-1.1.0.tgz",
    "npm:mnist@1.1.0",
    "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390",
)
PNEUMONIA = DataFile(
    "pneumoniamnist.npz",
    "https://raw.githubusercontent.com/varun19424/pneumonia_mnist/"
    "9361a718d67e8a40f1ef8929db8c5682add8bd70/data/pneumoniamnist.npz",
    "a554d2332488d3ddc075125e66a1af77ec379fd2bafc09108ab95a37e2bd9c26",
)
SIGNS = DataFile("signs.zip", "https://github.com/ardamavi/Sign-Language-Digits-Dataset", None)
TILES = _archive(
    "abin24/Magnetic-tile-defect-datasets.",
    "cc4eb530b57b9cb7225bf76023873043ffd50655",
    "Magnetic-tile-defect-datasets",
)
TILES_CONTENT = "159bfe4269bf05fefdc91dc30d0c128fcaa2b30cc86ea216986768a24b5eefa1"
ANIMALS = _archive(
    "YashNita/Animal-Sound-Dataset",
    "574b5e2d9b071f142b464bb7b43d6a736ebb0dac",
    "Animal-Sound-Dataset",
)
ANIMALS_CONTENT = "b6f7326af23b98b36cc259a7ff41d33265d0f6aa30d5b8286832105531bd1175"
EMODB = _archive(
    "sylaschacko/voice-emotion-analysis",
    "4b0f64c947b84beb43c8b1a7e7a6597a04902f02",
    "voice-emotion-analysis",
)
EMODB_CONTENT = "168c3241b969ef94bc0a7a8f755cfde757a9a257fc4e33c585c1058ba3eb03c7"
BANKING = DataFile(
    "banking77.csv",
    "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/master/"
    "banking_data/train.csv",
    "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
)
GERMEVAL = DataFile(
    "germeval2018.tsv",
    "https://raw.githubusercontent.com/uds-lsv/GermEval-2018-Data/master/germeval2018.training.txt",
    "0f88c63a344e1ab69c5407aa539d1612cd82a96b51ebd6bd613dc70ff9fef03e",
)
HOTEL = DataFile("hotel_reviews_zh.csv", "https://github.com/SophonPlus/ChineseNlpCorpus", None)
RUSSIAN = tuple(
    DataFile(f"rusentiment_{part}_posts.csv", "https://github.com/strawberrypie/rusentiment", None)
    for part in ("random", "preselected")
)
BBBP = DataFile("bbbp.csv", "https://github.com/Huanqing-Mao/MoleculeNet_Classification_Data", None)

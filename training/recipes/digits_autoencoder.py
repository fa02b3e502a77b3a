"""Handwritten digits without labels: a denoising autoencoder that scores what is no digit."""

from torch import Generator, Tensor

from training.augmentation.images import augment_images, mask_patches
from training.data.split import Shares
from training.fitting.fit import Schedule
from training.fitting.objectives import PixelCrossEntropy
from training.measuring.few_labels import Study
from training.networks.convolutional.autoencoder import Autoencoder
from training.recipes import digits
from training.recipes.recipe import Recipe


def _corrupt(images: Tensor, generator: Generator) -> Tensor:
    return mask_patches(augment_images(images, generator), generator, side=4, share=0.5)


RECIPE = Recipe(
    name="digits-autoencoder",
    description="Learnt handwritten digits (light strokes on a dark ground, centred, as in MNIST) "
    "without labels, by undoing warps and filling in masked patches. Gives features, the image as "
    "it sees it, and how unlike a digit it is.",
    load=digits.RECIPE.load,
    prepare=digits.RECIPE.prepare,
    network=lambda _: Autoencoder(28, 1),
    task="reconstruct",
    augment=_corrupt,
    schedule=Schedule(epochs=20, learning_rate=3e-3, patience=20, objective=PixelCrossEntropy()),
    study=Study(augment=augment_images, learning_rate=1e-3, learning_rate_from_scratch=3e-3),
    shares=Shares(validation=8, test=22),  # the test split of `digits`
    licence=digits.RECIPE.licence,
)

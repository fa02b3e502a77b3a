"""Handwritten digits without labels: a denoising autoencoder that scores what is no digit."""

from torch import Generator, Tensor

from training.augmentation.images import augment_images, mask_patches
from training.data.split import Shares
from training.exporting.card.data import Headline
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
    description="An autoencoder of handwritten digits (light strokes on a dark ground, centred, as "
    "in MNIST), trained without labels to undo warps and to fill in masked patches. The answer "
    "has features, the reconstructed image, and a novelty: how unlike a digit the image is.",
    load=digits.RECIPE.load,
    prepare=digits.RECIPE.prepare,
    network=lambda _: Autoencoder(28, 1),
    task="reconstruct",
    augment=_corrupt,
    schedule=Schedule(epochs=20, learning_rate=3e-3, patience=20, objective=PixelCrossEntropy()),
    study=Study(augment=augment_images, learning_rate=1e-3, learning_rate_from_scratch=3e-3),
    shares=Shares(validation=8, test=22, rule=1),  # the test split of `digits`
    headline=Headline(
        figure="accuracy, 10 labels per class, pretrained, fine-tuned",
        sentence="With ten labelled images per digit, a classifier that starts from this network "
        "is right on {percent} % of {samples} samples ({split}).",
        baseline="accuracy, 10 labels per class, from scratch",
        comparison="The same classifier from random weights reaches {percent} %.",
    ),
    limits=(
        "It does not name the digit: it has no labels. Train a classifier on its features, or ask "
        "the model `digits`.",
        "The novelty measures distance from MNIST's digits, not quality: a digit in another style "
        "(dark on light, printed, rotated) counts as novel.",
        "Use the novelty, not the reconstruction error, to find outliers: by the error alone, "
        "blank pages look normal.",
    ),
    licence=digits.RECIPE.licence,
)

"""Fine-tuning: the last layers of a trained network are trained on other data.

The new last layer starts as a logistic regression (Kumar et al., "Fine-Tuning can Distort
Pretrained Features and Underperform Out-of-Distribution", ICLR 2022); the layers before it have a
lower learning rate, and batch statistics stay as they are. Where a network can be divided, the
output of the frozen layers is computed once for every sample, not once in every epoch.
"""

from functools import partial

import numpy as np
from torch import nn

from app.bundle.tensors import TensorSpec
from training.data.encode import Examples
from training.data.encoded import in_memory
from training.exporting.graph import run_network
from training.fitting.curve import History
from training.fitting.fit import Schedule, fit
from training.networks.backbones.freezing import freeze
from training.networks.network import Divisible
from training.recipes.recipe import Learn, Recipe
from training.transfer.features import fit_head, last_layers

SCHEDULE = Schedule(
    epochs=8,
    batch_size=16,
    learning_rate=2e-3,
    label_smoothing=0.1,
    backbone_lr_scale=0.5,
    patience=8,
    warmup=0.25,
)
_MAX_CACHED_BYTES = (
    1 << 30
)  # bytes of outputs to keep; where there are more, every epoch computes them


def tuning(share: float) -> Learn:
    """Return a function that fine-tunes the last `share` of a network's layers."""
    return partial(tune, share=share)


def tune(
    network: nn.Module, train: Examples, validation: Examples, recipe: Recipe, *, share: float
) -> History:
    """Fit the last `share` of the layers in place and return the learning curve.

    The samples are augmented (`recipe.augment`) only where no output is computed in advance.
    """
    freeze(network, share)
    part, augment = network, recipe.augment
    if isinstance(network, Divisible) and _size(network, train) <= _MAX_CACHED_BYTES:
        trunk, part = network.cut()
        train, validation, augment = compute(trunk, train), compute(trunk, validation), None
    if last_layers(part):
        fit_head(part, train, recipe.schedule)
    history = fit(part, train, validation, recipe.schedule, seed=recipe.seed, augment=augment)
    network.eval()
    return history


def compute(trunk: nn.Module, examples: Examples) -> Examples:
    """Return the examples as the trunk's outputs, float32, in place of their inputs."""
    states = run_network(trunk, examples)
    spec = TensorSpec(name="trunk", dtype="float32", shape=("batch", *states.shape[1:]))
    return Examples(in_memory({"trunk": states}), examples.targets, examples.samples, (spec,))


def _size(network: Divisible, examples: Examples) -> int:
    """Return how many bytes the outputs of the trunk would take."""
    trunk, _ = network.cut()
    one = compute(trunk, examples.select([0])).items[0]["trunk"]
    return len(examples) * int(np.asarray(one).nbytes)

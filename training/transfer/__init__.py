"""Where a network's weights come from before the training: random numbers, or a trained network.

`apply_source` turns a recipe into one that starts from a trained network. Fine-tuning trains the
last layers of that network; feature extraction freezes it and fits a new last layer alone.
"""

from training.transfer.apply import (
    FEATURES,
    LINEAR_START,
    PRETRAINED,
    SCRATCH,
    STARTS,
    apply_source,
    apply_start,
    start_samples,
)
from training.transfer.resolve import PACKAGES, resolve_network
from training.transfer.trained_network import TrainedNetwork

__all__ = [
    "FEATURES",
    "LINEAR_START",
    "PACKAGES",
    "PRETRAINED",
    "SCRATCH",
    "STARTS",
    "TrainedNetwork",
    "apply_source",
    "apply_start",
    "resolve_network",
    "start_samples",
]

"""Where a network's weights come from before it learns: nowhere, or a network that was trained.

`begin` turns a recipe into one that starts from a trained network: transfer tunes it, feature
extraction leaves it as it is and fits the last layer alone.
"""

from training.transfer.apply import FEATURES, PRETRAINED, SCRATCH, STARTS, begin, started
from training.transfer.resolve import PACKAGES, find
from training.transfer.source import Source

__all__ = [
    "FEATURES",
    "PACKAGES",
    "PRETRAINED",
    "SCRATCH",
    "STARTS",
    "Source",
    "begin",
    "find",
    "started",
]

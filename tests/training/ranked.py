"""One rank of a training that `torchrun` started, or a training on its own.

`python -m tests.training.ranked FOLDER` trains the network of the recipe `digits` on the 1,797
handwritten digits, 8×8, that scikit-learn carries, and writes to `FOLDER/<rank>.json` the digest of
the weights, the learning curve and how many of 449 untouched digits are predicted correctly. With
`differing` after the folder, rank 1 lacks a training sample.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits

from app.bundle.tensors import TensorSpec
from tests.training.samples import sample
from training.data.encode import Examples
from training.fitting import ranks
from training.fitting.checkpoint import Checkpoints
from training.fitting.fit import Schedule, fit
from training.measuring.evaluate import logits_of
from training.networks.convolutional.classifier import ConvNet

_INPUTS = (TensorSpec(name="image", dtype="uint8", shape=("batch", 8, 8, 1)),)
SCHEDULE = Schedule(epochs=6, batch_size=64, learning_rate=4e-3, weight_decay=0.05, ema=0.99)


def digits() -> list[Examples]:
    """Return the digits for training, validation and test, by their numbers in turn."""
    images, targets = load_digits(return_X_y=True)
    pixels = (images.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)
    every = Examples(
        [{"image": image} for image in pixels],
        targets.astype(np.int64),
        [sample(str(number), str(target)) for number, target in enumerate(targets)],
        _INPUTS,
    )
    places = np.arange(len(targets)) % 8
    return [
        every.select(np.flatnonzero(np.isin(places, part)).tolist())
        for part in ((0, 1, 3, 4, 6), (7,), (2, 5))
    ]


def train(folder: Path, differing: bool = False) -> dict[str, Any]:
    """Train, and write what this rank has come to."""
    parts = digits()
    if differing and ranks.rank() == 1:
        parts[0] = parts[0].select(range(1, len(parts[0])))
    torch.manual_seed(1)
    network = ConvNet(1, 10)
    history = fit(network, parts[0], parts[1], SCHEDULE, seed=1)
    weights = b"".join(value.numpy().tobytes() for value in network.state_dict().values())
    right = int((logits_of(network, parts[2]).argmax(1) == parts[2].targets).sum())
    said = {
        "weights": hashlib.sha256(weights).hexdigest(),
        "losses": [epoch.validation_loss for epoch in history.epochs],
        "accuracies": [epoch.accuracy for epoch in history.epochs],
        "right": right,
        "of": len(parts[2]),
    }
    (folder / f"{ranks.rank()}.json").write_text(json.dumps(said))
    print(f"{ranks.current().count} rank(s): {said}")
    return said


if __name__ == "__main__":
    torch.set_num_threads(1)
    with ranks.joined(None), Checkpoints(Path(sys.argv[1]) / "checkpoints"):
        train(Path(sys.argv[1]), differing="differing" in sys.argv)

"""The baseline of a Tree-LSTM: a flat LSTM that reads the same trees as text."""

import logging
from collections.abc import Sequence

import numpy as np
import torch

from app.bundle.tensors import TensorSpec
from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.split import Splits
from training.datasets.listops import VOCABULARY
from training.exporting.graph import run_network
from training.fitting.fit import Schedule, fit
from training.networks.recurrent.lstm import FlatLSTM

_LOG = logging.getLogger(__name__)
_INPUTS = (
    TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
    TensorSpec(name="length", dtype="int64", shape=("batch",)),
)
_IDS = {word: number for number, word in enumerate(VOCABULARY)}


def flat_lstm(splits: Splits) -> tuple[str, np.ndarray]:
    """Train an LSTM on the tokens of ListOps; return a line on it and its correct predictions.

    The latter is bool (test samples,).
    """
    train, validation, test = (_encode(p) for p in (splits.train, splits.validation, splits.test))
    labels = tuple(str(value) for value in range(10))
    torch.manual_seed(1)
    network = FlatLSTM(vocabulary=len(VOCABULARY), classes=len(labels), embedding=32, hidden=128)
    schedule = Schedule(
        epochs=3, batch_size=64, learning_rate=4e-3, weight_decay=0.0, ema=0.998, warmup=0.1
    )
    _LOG.info("baseline:")
    history = fit(network, train, validation, schedule, seed=1)
    right = run_network(network, test).argmax(axis=1) == test.targets
    text = (
        f"An LSTM of 128 units that reads the same trees as flat text, {len(history.epochs)} "
        "epochs over the same training split, trained on the value of the whole tree"
    )
    return text, right


def _encode(samples: Sequence[Sample]) -> Examples:
    words = [sample.payload.data.decode().split() for sample in samples]
    items = [
        {
            "tokens": np.asarray([_IDS[word] for word in line], dtype=np.int64),
            "length": np.asarray(len(line), dtype=np.int64),
        }
        for line in words
    ]
    targets = np.asarray([int(sample.label) for sample in samples], dtype=np.int64)
    return Examples(items, targets, samples, _INPUTS)

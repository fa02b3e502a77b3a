"""`fit` against the plainest good loop of PyTorch over tensors in memory.

Both train the same network by the same steps: batch size, augmentation, AdamW with a one-cycle
schedule, clipped gradients, and one validation an epoch. Texts are batched by similar length in
both. The plain loop keeps no curve, checks no loss, and keeps no weights of a best epoch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.training.made import LABELS, encoded_pictures, encoded_texts
from training.augmentation.images import PICTURE_STRENGTH, augment_images
from training.data.encode import Examples, epoch_order
from training.fitting.fit import Augment, Schedule, fit
from training.networks.convolutional.classifier import ConvNet
from training.networks.recurrent.classifier import TextRecurrentNet

VOCABULARY = 16_000
_RATE = 2e-3


@dataclass(frozen=True)
class Task:
    """What both loops learn. unit: what is counted."""

    unit: str
    network: Callable[[], nn.Module]
    train: Examples
    validation: Examples
    schedule: Schedule
    augment: Augment | None = None


def tasks(scale: float = 1.0) -> dict[str, Task]:
    """Return the default networks for pictures and texts; scale: of the number of samples."""
    schedule = Schedule(1, 64, learning_rate=_RATE, label_smoothing=0.05, verbose=False)
    pictures, texts = int(1_280 * scale), int(5_120 * scale)
    return {
        "pictures": Task(
            "images/s",
            lambda: ConvNet(3, LABELS),
            encoded_pictures(pictures, 64, seed=1),
            encoded_pictures(pictures // 10, 64, seed=2),
            schedule,
            partial(augment_images, strength=PICTURE_STRENGTH),
        ),
        "texts": Task(
            "texts/s",
            lambda: TextRecurrentNet(vocabulary=VOCABULARY, classes=LABELS),
            encoded_texts(texts, 256, VOCABULARY, seed=1),
            encoded_texts(texts // 10, 256, VOCABULARY, seed=2),
            schedule,
        ),
    }


def ours(task: Task) -> float:
    """Return the samples a second of `fit`, validation included."""
    torch.manual_seed(0)
    network = task.network()
    started = time.perf_counter()
    fit(network, task.train, task.validation, task.schedule, seed=1, augment=task.augment)
    return len(task.train) * task.schedule.epochs / (time.perf_counter() - started)


class Plain:
    """The plain loop; its tensors are in memory before the clock starts."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._train, self._validation = _tensors(task.train), _tensors(task.validation)
        self._lengths = task.train.lengths()

    def __call__(self) -> float:
        """Return the samples a second, validation included."""
        torch.use_deterministic_algorithms(False)
        torch.manual_seed(0)
        task, network = self._task, self._task.network()
        schedule, generator = task.schedule, torch.Generator().manual_seed(1)
        started = time.perf_counter()
        order = epoch_order(self._lengths, schedule.batch_size, 1)
        optimizer = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.01)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, len(order) * schedule.epochs)
        for epoch in range(schedule.epochs):
            network.train()
            for indices in epoch_order(self._lengths, schedule.batch_size, 1 + epoch):
                inputs, targets = _batch(self._train, torch.tensor(indices))
                if task.augment is not None:
                    inputs[0] = task.augment(inputs[0], generator)
                loss = functional.cross_entropy(
                    network(*inputs), targets, label_smoothing=schedule.label_smoothing
                )
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), schedule.clip)
                optimizer.step()
                cycle.step()
            self._validate(network)
        return len(task.train) * schedule.epochs / (time.perf_counter() - started)

    def _validate(self, network: nn.Module) -> float:
        network.eval()
        total, count = 0.0, len(self._task.validation)
        with torch.no_grad():
            for start in range(0, count, 256):
                places = torch.arange(start, min(start + 256, count))
                inputs, targets = _batch(self._validation, places)
                total += float(functional.cross_entropy(network(*inputs), targets)) * len(places)
        return total / count


_Tensors = tuple[list[Tensor], Tensor]


def _tensors(examples: Examples) -> _Tensors:
    inputs, targets = examples.batch(range(len(examples)))
    return [torch.from_numpy(np.ascontiguousarray(a)) for a in inputs], torch.from_numpy(targets)


def _batch(tensors: _Tensors, places: Tensor) -> _Tensors:
    """Return a batch; texts, whose second tensor is their lengths, are cut to the longest."""
    inputs, targets = tensors
    chosen = [tensor[places] for tensor in inputs]
    if len(chosen) == 2:
        chosen[0] = chosen[0][:, : int(chosen[1].max())]
    return chosen, targets[places]

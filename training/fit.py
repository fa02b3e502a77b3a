"""The only training loop: Lightning underneath, deterministic under a seed.

The order of the samples and the augmentation of every batch are functions of
(seed, epoch, batch), never of what ran before. Early stopping keeps the weights of the
best epoch. A loss that is not a number stops the run with `Diverged`.
"""

import logging
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, TQDMProgressBar, WeightAveraging
from torch import Tensor, nn
from torch.nn import functional

from training.data.encode import Examples, epoch_order
from training.errors import Diverged
from training.likelihoods import TellsLikelihoods

for _name in ("lightning.pytorch", "lightning.fabric"):  # what it found, and advertisements
    logging.getLogger(_name).setLevel(logging.ERROR)

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """How to train. `patience` epochs without a better validation loss end the run."""

    epochs: int
    batch: int = 64
    rate: float = 3e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    balance: float = 0.0  # 1: every label counts alike; 0: every sample; between: a compromise
    clip: float = 1.0
    ema: float | None = None  # decay of the averaged weights per step
    patience: int = 10
    warmup: float = 0.25  # share of the steps in which the rate rises


@dataclass(slots=True)
class Epoch:
    """What one pass over the training data cost and brought."""

    number: int
    train_loss: float
    validation_loss: float
    accuracy: float
    seconds: float


@dataclass(slots=True)
class History:
    """The learning curve, and which epoch's weights were kept."""

    epochs: list[Epoch] = field(default_factory=list)
    best: int = 0


class _Batches:
    """An iterable over one epoch; Lightning asks for a new iterator every epoch."""

    def __init__(self, examples: Examples, batch: int, seed: int | None) -> None:
        self._examples, self._batch, self._seed, self._epoch = examples, batch, seed, 0
        self._lengths = examples.lengths()

    def __len__(self) -> int:
        return len(self._order())

    def __iter__(self) -> Iterator[tuple[list[Tensor], Tensor]]:
        order = self._order()
        self._epoch += 1
        take = self._examples.batch if self._seed is None else self._examples.lesson
        for indices in order:
            inputs, targets = take(indices)
            yield [torch.from_numpy(array) for array in inputs], torch.from_numpy(targets)

    def _order(self) -> list[list[int]]:
        if self._seed is None:
            count = len(self._examples)
            return [list(range(i, min(i + 256, count))) for i in range(0, count, 256)]
        return epoch_order(self._lengths, self._batch, self._seed + 1000 * self._epoch)


class _Classifier(lightning.LightningModule):
    """Cross-entropy, a weight per label, on a network's logits; AdamW, one-cycle schedule."""

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        augment: Augment | None,
        seed: int,
        weights: Tensor | None,
    ) -> None:
        super().__init__()
        self.network, self._schedule, self._augment = network, schedule, augment
        self._seed, self._generator = seed, torch.Generator()
        self.register_buffer("weights", weights)

    def training_step(self, batch: tuple[list[Tensor], Tensor], index: int) -> Tensor:
        inputs, targets = batch
        step_seed = (self._seed * 1_009 + self.current_epoch) * 100_003 + index
        torch.manual_seed(step_seed)  # dropout and masks inside the network
        if self._augment is not None:
            self._generator.manual_seed(step_seed)
            # On the CPU, where the generator is: the same changes on every device.
            changed = self._augment(inputs[0].cpu(), self._generator).to(self.device)
            inputs = [changed, *inputs[1:]]
        loss = self._loss(inputs, targets)
        self._check(loss)
        self.log("train_loss", loss, on_epoch=True, on_step=False, batch_size=len(targets))
        return loss

    def validation_step(self, batch: tuple[list[Tensor], Tensor], index: int) -> None:
        inputs, targets = batch
        size = len(targets)
        if isinstance(self.network, TellsLikelihoods):
            loss = -self.network.log_likelihoods(*inputs, targets).mean()
            right = (self.network.likeliest(*inputs) == targets).float().mean()
        else:
            logits = self.network(*inputs)
            loss = functional.cross_entropy(logits, targets)
            right = (logits.argmax(1) == targets).float().mean()
        self._check(loss)
        self.log("val_loss", loss, batch_size=size)
        self.log("val_accuracy", right, batch_size=size, prog_bar=True)

    def configure_optimizers(self) -> Any:
        schedule = self._schedule
        parameters = list(self.network.parameters())
        groups = [  # biases and normalisation scales are not decayed
            {
                "params": [p for p in parameters if p.ndim > 1],
                "weight_decay": schedule.weight_decay,
            },
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=schedule.rate)
        steps = max(int(self.trainer.estimated_stepping_batches), 3)
        rising = max(schedule.warmup, 2 / steps)  # torch divides by zero below
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, schedule.rate, total_steps=steps, pct_start=rising
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def _loss(self, inputs: list[Tensor], targets: Tensor) -> Tensor:
        if isinstance(self.network, TellsLikelihoods):
            return -self.network.log_likelihoods(*inputs, targets).mean()
        logits = self.network(*inputs)
        if logits.ndim > targets.ndim + 1:  # an ensemble: each member learns on its own
            targets = targets[:, None].expand(-1, logits.shape[2])
        return functional.cross_entropy(
            logits, targets, self.weights, label_smoothing=self._schedule.label_smoothing
        )

    def _check(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}; nothing is "
                f"published. Lower the learning rate (now {self._schedule.rate:g})"
            )


class _Curve(lightning.Callback):
    """Keeps the learning curve and the best epoch's weights; prints a line per epoch."""

    def __init__(self, history: History, epochs: int) -> None:
        self._history, self._epochs = history, epochs
        self._begun = 0.0
        self.best: dict[str, Tensor] = {}

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        self._begun = time.perf_counter()

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        if trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        loss = float(figures["val_loss"])
        if not self.best or loss < min(e.validation_loss for e in self._history.epochs):
            # While validating, the module holds the averaged weights where there are some.
            self.best = {k: v.detach().clone() for k, v in module.network.state_dict().items()}
            self._history.best = len(self._history.epochs) + 1
        self._history.epochs.append(
            Epoch(
                len(self._history.epochs) + 1,
                float("nan"),
                loss,
                float(figures["val_accuracy"]),
                0.0,
            )
        )

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        epoch = self._history.epochs[-1]
        epoch.train_loss = float(trainer.callback_metrics["train_loss"])
        epoch.seconds = time.perf_counter() - self._begun
        line = (
            f"epoch {epoch.number:3d}/{self._epochs}  loss {epoch.train_loss:.4f}  "
            f"validation {epoch.validation_loss:.4f}  "
            f"accuracy {100 * epoch.accuracy:.2f} %  {epoch.seconds:.1f} s"
        )
        bar = trainer.progress_bar_callback
        if bar is None:
            print(line, flush=True)
        else:
            bar.print(line)  # above the bar, without breaking it


def fit(
    network: nn.Module,
    train: Examples,
    validation: Examples,
    schedule: Schedule,
    *,
    seed: int,
    augment: Augment | None = None,
) -> History:
    """Train `network` in place and return the learning curve; the best weights are kept."""
    torch.use_deterministic_algorithms(True)
    history = History()
    weights = label_weights(train.targets, schedule.balance) if schedule.balance else None
    curve = _Curve(history, schedule.epochs)
    lightning.seed_everything(seed, verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers
        try:
            _trainer(schedule, curve).fit(
                _Classifier(network, schedule, augment, seed, weights),
                _Batches(train, schedule.batch, seed),
                _Batches(validation, schedule.batch, None),
            )
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
    network.load_state_dict(curve.best)
    network.eval()
    return history


def label_weights(targets: np.ndarray, balance: float) -> Tensor:
    """Return each label's weight in the loss, (labels,) float32, of `targets` (N,) int64.

    A label of the mean size weighs 1, a scarcer one more: (mean size / its size) ** `balance`.
    """
    counts = torch.bincount(torch.from_numpy(targets)).clamp(min=1)
    return (len(targets) / (len(counts) * counts)).pow(balance)


def _averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return an exponential average whose window grows with the steps taken, up to `decay`.

    Otherwise the untrained weights would weigh on the first epochs.
    """

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        share = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return averaged + (current - averaged) * (1 - share)

    return average


def _trainer(schedule: Schedule, curve: _Curve) -> lightning.Trainer:
    callbacks: list[Any] = [
        curve,
        EarlyStopping("val_loss", patience=schedule.patience, check_finite=False),
    ]
    interactive = sys.stderr.isatty()
    if interactive:
        callbacks.append(TQDMProgressBar(refresh_rate=10))
    if schedule.ema is not None:
        # After the curve, which must see the averaged weights before they are swapped back.
        callbacks.append(WeightAveraging(avg_fn=_averaging(schedule.ema)))
    return lightning.Trainer(
        max_epochs=schedule.epochs,
        accelerator="auto",
        devices=1,
        gradient_clip_val=schedule.clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=interactive,
        num_sanity_val_steps=0,
    )

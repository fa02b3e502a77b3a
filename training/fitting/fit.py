"""The only training loop. It uses Lightning, and a seed determines its result.

The order of the samples and the augmentation of each batch are functions of (seed, epoch, batch)
alone, so a training that resumes from a checkpoint ends with the same weights. Early stopping,
where the schedule has it, keeps the weights of the best epoch. A loss that is not finite stops the
training with `Diverged`.
"""

import logging
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, RichProgressBar, WeightAveraging
from torch import Tensor, nn

from training.data.encode import Examples
from training.errors import Diverged, OtherRankStopped
from training.fitting import ranks
from training.fitting.batches import Batches
from training.fitting.checkpoint import KeepEpoch, SealedFile, current_checkpoints, fingerprint
from training.fitting.curve import Curve, History
from training.fitting.mean_loss import MeanLoss
from training.fitting.objectives import AuxiliaryLoss, CrossEntropy, Objective
from training.networks.backbones.freezing import heads
from training.networks.network import PartlyPretrained

for _name in ("lightning.pytorch", "lightning.fabric"):  # its hardware report and advertisements
    logging.getLogger(_name).setLevel(logging.ERROR)
# Nobody reads new tensors before they are written, and filling them takes time.
torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
_LOG = logging.getLogger(__name__)

# The first input of a batch, and the source of all randomness → the changed input.
Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True, slots=True)
class Schedule:
    """The hyperparameters of a training. Without `objective` the loss is cross-entropy.

    The training ends after `patience` epochs without a better validation loss, and the weights of
    the best epoch are kept. With `patience` None all epochs run, the weights of the last one are
    kept, and the validation split selects nothing. `verbose` logs a line for each epoch, and shows
    a progress bar on a terminal.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    class_weight_power: float = 0.0  # 1: all labels weigh the same; 0: all samples do
    clip: float = 1.0
    ema: float | None = None  # decay of the averaged weights per step
    patience: int | None = 10
    warmup: float = 0.25  # share of the steps in which the learning rate rises
    objective: Objective | None = None
    auxiliary_loss: AuxiliaryLoss | None = None  # added to the cross-entropy
    verbose: bool = True
    weighted_choice: bool = False  # the validation loss has the class weights too
    backbone_lr_scale: float = 1.0  # learning rate of pretrained layers, relative to the others'


class _Learner(lightning.LightningModule):
    """A network and its objective, trained by AdamW with a one-cycle schedule.

    The validation loss has no label smoothing, and class weights where the schedule says so: the
    epoch is then not chosen by the most frequent labels alone.
    """

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
        self._learned = schedule.objective or CrossEntropy(
            weights, schedule.label_smoothing, schedule.auxiliary_loss
        )
        self._choosing = weights if schedule.weighted_choice else None
        self._validated = schedule.objective or CrossEntropy(self._choosing)
        self._mean = MeanLoss()

    def on_train_epoch_start(self) -> None:
        self.trainer.train_dataloader.set_epoch(self.current_epoch)
        self._mean = MeanLoss()

    def training_step(self, batch: tuple[list[Tensor], Tensor], index: int) -> Tensor:
        inputs, targets = batch
        clean = inputs
        step_seed = (self._seed * 1_009 + self.current_epoch) * 100_003 + index
        step_seed += ranks.rank() * 1_000_003_001  # each rank has other samples, and other draws
        _seed(step_seed)  # dropout and masks inside the network
        if self._augment is not None:
            self._generator.manual_seed(step_seed)
            # On the CPU, where the generator is, so that every device gets the same changes.
            changed = self._augment(inputs[0].cpu(), self._generator).to(self.device)
            inputs = [changed, *inputs[1:]]
        loss, _ = self._learned(self.network, inputs, clean, targets)
        self._check(loss)
        self._mean.add(loss, len(targets))
        return loss

    @property
    def train_loss(self) -> float:
        """The mean loss of this epoch's samples."""
        return self._mean.value()

    def validation_step(self, batch: tuple[list[Tensor], Tensor], index: int) -> None:
        inputs, targets = batch
        size = float(len(targets))  # Lightning would cut the ranks' mean of whole numbers
        loss, right = self._validated(self.network, inputs, inputs, targets)
        self._check(loss)
        weight = size if self._choosing is None else float(self._choosing[targets.cpu()].sum())
        self.log("val_loss", loss, batch_size=weight, sync_dist=True)
        if right is not None:
            self.log("val_accuracy", right, batch_size=size, prog_bar=True, sync_dist=True)

    def configure_optimizers(self) -> Any:
        schedule = self._schedule
        groups = parameter_groups(self.network, schedule)
        optimizer = torch.optim.AdamW(groups, lr=schedule.learning_rate)
        steps = max(int(self.trainer.estimated_stepping_batches), 3)
        rising = max(schedule.warmup, 2 / steps)  # torch divides by zero below
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [group["lr"] for group in groups], total_steps=steps, pct_start=rising
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    def _check(self, loss: Tensor) -> None:
        if not torch.isfinite(loss):
            raise Diverged(
                f"the loss became {loss.item()} in epoch {self.current_epoch + 1}; nothing is "
                f"published. Lower the learning rate (now {self._schedule.learning_rate:g})"
            )


def _seed(seed: int) -> None:
    """Seed all generators that a network draws from.

    `torch.manual_seed` takes a tenth of a millisecond on a machine without a GPU, and remembers the
    stack of every call.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


def fit(
    network: nn.Module,
    train: Examples,
    validation: Examples,
    schedule: Schedule,
    *,
    seed: int,
    augment: Augment | None = None,
) -> History:
    """Train `network` in place and return the learning curve; `Schedule` says which weights stay.

    Within `Checkpoints` it resumes where the same training was stopped. Raises `Diverged` when the
    loss is not finite, and `OtherRankStopped`.
    """
    torch.use_deterministic_algorithms(True)
    power = schedule.class_weight_power
    weights = class_weights(train.targets, power) if power else None
    curve = Curve(schedule.epochs, schedule.patience, verbose=schedule.verbose)
    kept, path, before = current_checkpoints(), None, None
    batches = (
        Batches(train, schedule.batch_size, seed),
        Batches(validation, schedule.batch_size, None),
    )
    if kept is not None:
        path = kept.path(fingerprint(network, (train, validation), schedule, seed, augment))
        before = kept.read(path)
    if before is not None:
        curve.load_state_dict(before["callbacks"][curve.state_key])
        if schedule.verbose:
            _LOG.info("resuming after epoch %d of %s", len(curve.history.epochs), path)
    if not curve.ended:
        lightning.seed_everything(seed, verbose=False)
        network.train()  # Lightning keeps the mode it finds
        module = _Learner(network, schedule, augment, seed, weights)
        _train(_trainer(schedule, curve, path), module, batches, path if before else None)
        ranks.check_equal(curve.kept_weights)
    lightning.seed_everything(seed, verbose=False)  # whatever this process has done of the training
    network.load_state_dict(curve.kept_weights)
    network.eval()
    return curve.history


def _train(
    trainer: lightning.Trainer, module: _Learner, batches: tuple[Batches, Batches], path: Any
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and loggers
        try:
            trainer.fit(module, *batches, ckpt_path=path)
        except SystemExit:  # what Lightning makes of Ctrl-C
            raise KeyboardInterrupt from None
        except RuntimeError as error:  # Gloo raises it; NCCL raises a subclass
            if ranks.current().count > 1 and "by peer" in str(error):
                raise OtherRankStopped("another rank has stopped; nothing is published") from error
            raise


def parameter_groups(network: nn.Module, schedule: Schedule) -> list[dict[str, Any]]:
    """Return the parameter groups for the optimiser, each with its learning rate and weight decay.

    Biases and scales are not decayed. Pretrained layers, which learn at `backbone_lr_scale`, are
    those of `PartlyPretrained.pretrained`; in other networks they are all but the last layer.
    """
    marked = isinstance(network, PartlyPretrained)
    parts = [network.pretrained] if isinstance(network, PartlyPretrained) else heads(network)
    named = {id(parameter) for part in parts for parameter in part.parameters()}
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            pretrained = (id(parameter) in named) == marked
            rate = schedule.learning_rate * (schedule.backbone_lr_scale if pretrained else 1.0)
            groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": found, "lr": rate, "weight_decay": schedule.weight_decay * decayed}
        for (rate, decayed), found in groups.items()
    ]


def class_weights(targets: np.ndarray, power: float) -> Tensor:
    """Return the weight of each label in the loss, (labels,) float32, for `targets` (N,) int64.

    The weight is (mean number of samples of a label / its number of samples) ** `power`.
    """
    counts = torch.bincount(torch.from_numpy(targets)).clamp(min=1)
    return (len(targets) / (len(counts) * counts)).pow(power)


def balancing_power(targets: np.ndarray) -> float:
    """Return the `class_weight_power` that fits the imbalance of `targets`, int64 (samples,).

    0 where the most frequent label has less than 3 times the samples of the rarest, .5 up to 10
    times, else 1: docs/decisions/0056.
    """
    counts = np.bincount(targets)
    ratio = counts.max() / max(int(counts[counts > 0].min()), 1)
    return next(power for least, power in ((10, 1.0), (3, 0.5), (0, 0.0)) if ratio >= least)


def _averaging(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Return an exponential average whose window grows with the number of steps, up to `decay`.

    With a fixed window the untrained weights would dominate the first epochs.
    """

    def average(averaged: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
        share = min(decay, (1 + int(steps)) / (10 + int(steps)))
        return averaged + (current - averaged) * (1 - share)

    return average


def _trainer(schedule: Schedule, curve: Curve, path: Path | None) -> lightning.Trainer:
    callbacks: list[Any] = [curve]
    if schedule.patience is not None:
        callbacks.append(EarlyStopping("val_loss", patience=schedule.patience, check_finite=False))
    interactive = sys.stdout.isatty() and schedule.verbose
    if interactive:
        callbacks.append(RichProgressBar(refresh_rate=10))
    if schedule.ema is not None:
        # After the curve, which must read the averaged weights before they are swapped back.
        callbacks.append(WeightAveraging(avg_fn=_averaging(schedule.ema)))
    if path is not None:
        callbacks.append(KeepEpoch(path))
    together = ranks.current()
    return lightning.Trainer(
        max_epochs=schedule.epochs,
        accelerator="auto",
        devices=together.here,
        num_nodes=together.machines,
        strategy="auto" if together.count == 1 else "ddp",
        use_distributed_sampler=False,  # `Batches` divides each batch itself
        plugins=[SealedFile()],
        gradient_clip_val=schedule.clip,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=path is not None,
        enable_model_summary=False,
        enable_progress_bar=interactive,
        num_sanity_val_steps=0,
    )

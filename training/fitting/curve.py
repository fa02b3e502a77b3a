"""The learning curve of a training, and the weights of the epoch that is kept."""

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import lightning
from torch import Tensor

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class Epoch:
    """Loss, accuracy and duration of one pass over the training data.

    `seconds` is for the log and for comparisons: nothing that is published may depend on it.
    """

    number: int
    train_loss: float
    validation_loss: float
    accuracy: float | None  # on the validation split; None for objectives without one
    seconds: float


@dataclass(slots=True)
class History:
    """The learning curve. The weights of epoch `kept_epoch` (from 1) were kept."""

    epochs: list[Epoch] = field(default_factory=list)
    kept_epoch: int = 0


class Curve(lightning.Callback):
    """Keeps the learning curve and the weights of one epoch; logs a line for each epoch.

    The weights are those of the epoch with the lowest validation loss; without `patience`, those of
    the last epoch.
    """

    def __init__(self, epochs: int, patience: int | None, *, verbose: bool = True) -> None:
        self.history, self._verbose = History(), verbose
        self._epochs, self._patience, self._start = epochs, patience, 0.0
        self.kept_weights: dict[str, Tensor] = {}

    @property
    def ended(self) -> bool:
        """Whether the training is over: by the number of epochs, or by early stopping."""
        done = len(self.history.epochs)
        if done >= self._epochs or self._patience is None:
            return done >= self._epochs
        return done - self.history.kept_epoch >= self._patience

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint: plain values and tensors."""
        epochs = [asdict(epoch) for epoch in self.history.epochs]
        return {"epochs": epochs, "kept": self.history.kept_epoch, "weights": self.kept_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state from a checkpoint."""
        self.history.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.history.kept_epoch, self.kept_weights = state["kept"], state["weights"]

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Start the clock."""
        self._start = time.perf_counter()

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        """Record the figures, and keep the weights if they are the best or the last."""
        if trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        loss = float(figures["val_loss"])
        before = [epoch.validation_loss for epoch in self.history.epochs]
        if self._patience is None or not self.kept_weights or loss < min(before):
            # During validation the module holds the averaged weights, where there are some.
            self.kept_weights = {
                k: v.detach().clone() for k, v in module.network.state_dict().items()
            }
            self.history.kept_epoch = len(self.history.epochs) + 1
        self.history.epochs.append(
            Epoch(
                len(self.history.epochs) + 1,
                float("nan"),
                loss,
                float(figures["val_accuracy"]) if "val_accuracy" in figures else None,
                0.0,
            )
        )

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Record the training loss and the duration, and log the epoch."""
        epoch = self.history.epochs[-1]
        epoch.train_loss = module.train_loss
        epoch.seconds = time.perf_counter() - self._start
        if not self._verbose:
            return
        accuracy = "" if epoch.accuracy is None else f"accuracy {100 * epoch.accuracy:.2f} %  "
        _LOG.info(
            "epoch %3d/%d  loss %.4f  validation %.4f  %s%.1f s",
            epoch.number,
            self._epochs,
            epoch.train_loss,
            epoch.validation_loss,
            accuracy,
            epoch.seconds,
        )

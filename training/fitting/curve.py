"""The learning curve of a training: a line per epoch, and the weights that are kept."""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

import lightning
from torch import Tensor


@dataclass(slots=True)
class Epoch:
    """What one pass over the training data cost and brought."""

    number: int
    train_loss: float
    validation_loss: float
    accuracy: float | None  # None where no answer is right or wrong
    seconds: float


@dataclass(slots=True)
class History:
    """The learning curve, and which epoch's weights were kept."""

    epochs: list[Epoch] = field(default_factory=list)
    kept_epoch: int = 0


class Curve(lightning.Callback):
    """Keeps the learning curve and an epoch's weights; prints a line per epoch.

    That is the epoch of the lowest validation loss; with no `patience`, the last one.
    """

    def __init__(self, epochs: int, patience: int | None, *, verbose: bool = True) -> None:
        self.history, self._verbose = History(), verbose
        self._epochs, self._patience, self._begun = epochs, patience, 0.0
        self.kept_weights: dict[str, Tensor] = {}

    @property
    def ended(self) -> bool:
        """Whether there is no epoch left, or none that early stopping would allow."""
        done = len(self.history.epochs)
        if done >= self._epochs or self._patience is None:
            return done >= self._epochs
        return done - self.history.kept_epoch >= self._patience

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it: plain values and tensors."""
        epochs = [asdict(epoch) for epoch in self.history.epochs]
        return {"epochs": epochs, "kept": self.history.kept_epoch, "weights": self.kept_weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up where the curve of a checkpoint stopped."""
        self.history.epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        self.history.kept_epoch, self.kept_weights = state["kept"], state["weights"]

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """Look at the clock."""
        self._begun = time.perf_counter()

    def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
        """Keep the figures, and the weights if they are the best so far or the last."""
        if trainer.sanity_checking:
            return
        figures = trainer.callback_metrics
        loss = float(figures["val_loss"])
        before = [epoch.validation_loss for epoch in self.history.epochs]
        if self._patience is None or not self.kept_weights or loss < min(before):
            # While validating, the module holds the averaged weights where there are some.
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
        """Say how the epoch went."""
        epoch = self.history.epochs[-1]
        epoch.train_loss = float(trainer.callback_metrics["train_loss"])
        epoch.seconds = time.perf_counter() - self._begun
        if not self._verbose:
            return
        right = "" if epoch.accuracy is None else f"accuracy {100 * epoch.accuracy:.2f} %  "
        line = (
            f"epoch {epoch.number:3d}/{self._epochs}  loss {epoch.train_loss:.4f}  "
            f"validation {epoch.validation_loss:.4f}  {right}{epoch.seconds:.1f} s"
        )
        bar = trainer.progress_bar_callback
        if bar is None:
            print(line, flush=True)
        else:
            bar.print(line)  # above the bar, without breaking it

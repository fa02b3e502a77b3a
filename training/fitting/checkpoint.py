"""Checkpoints: a training that was killed goes on after its last whole epoch, to the same weights.

A checkpoint is one file, named by the digest of everything that decides the weights: data,
network and its first weights, schedule, seed, this package's code, torch's version, threads and
ranks. So one of another training is never taken up, and nothing has to be said to go on. Every
`fit` within `Checkpoints` keeps one. They are removed when the run has come to its end.
"""

import hashlib
import io
import os
from contextlib import suppress
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import CheckpointIO
from torch import nn

from training.data.encode import Examples
from training.data.sources import warn
from training.errors import Diverged, TrainingError
from training.fitting import ranks

_DIGEST = hashlib.sha256().digest_size
_current: ContextVar["Checkpoints | None"] = ContextVar("checkpoints", default=None)


class Checkpoints:
    """Where the trainings within keep their checkpoints; `fresh` ones take none up."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self._folder, self._fresh = folder, fresh
        self._used: list[Path] = []

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._token = _current.set(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        _current.reset(self._token)
        if not ranks.leads():
            return
        if kind is None or issubclass(kind, Diverged):
            for path in self._used:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # others lie there
            self._folder.rmdir()

    def path(self, training: str) -> Path:
        """Return the file of the training with this digest, as it is to be begun."""
        path = self._folder / f"{training[:32]}.ckpt"
        self._used.append(path)
        if self._fresh and ranks.leads():
            path.unlink(missing_ok=True)
        return path

    def read(self, path: Path) -> dict[str, Any] | None:
        """Return what is to be gone on with; nothing when fresh, absent or unreadable."""
        if self._fresh or not path.exists():
            return None
        try:
            return SealedFile().load_checkpoint(path)
        except TrainingError as error:
            warn(f"{error}; beginning anew")
            return None


def current_checkpoints() -> Checkpoints | None:
    """Return where checkpoints are to be kept, if they are."""
    return _current.get()


class SealedFile(CheckpointIO):
    """A checkpoint's bytes, then their sha256. Written aside and renamed: whole or not at all."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write the file in one step."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getvalue()
        target = Path(path)
        aside = target.with_suffix(".part")
        with aside.open("wb") as file:
            file.write(data + hashlib.sha256(data).digest())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(target)

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return what was saved; raise `TrainingError` when it is not what was written."""
        data = Path(path).read_bytes()
        if hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
            raise TrainingError(f"the checkpoint {path} is damaged")
        found: dict[str, Any] = torch.load(
            io.BytesIO(data[:-_DIGEST]), map_location="cpu", weights_only=True
        )
        return found

    def remove_checkpoint(self, path: Any) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


class KeepEpoch(Checkpoint):
    """Writes the checkpoint when an epoch is over."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Save; Lightning calls this after all other callbacks."""
        trainer.save_checkpoint(self._path)


def fingerprint(network: nn.Module, parts: tuple[Examples, ...], *settings: object) -> str:
    """Return the digest of all that decides what a training ends in."""
    digest = hashlib.sha256(_code().encode())
    machine = (torch.get_num_threads(), torch.cuda.is_available(), ranks.current())
    trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
    said = [*(_told(setting) for setting in settings), repr(machine), repr(network), repr(trained)]
    digest.update("\n".join(said).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().numpy().tobytes())
    for part in parts:
        digest.update(f"{len(part)} {len(part.node_targets)}".encode())
        digest.update(part.targets.tobytes())
        for item in part.items:
            for array in item.values():
                digest.update(repr(array.shape).encode())
                digest.update(array.tobytes())
        for node_labels in part.node_targets:
            digest.update(node_labels.tobytes())
    return digest.hexdigest()


def _told(setting: object) -> str:
    """Name a setting without the addresses that a function's `repr` has."""
    if isinstance(setting, partial):
        return f"{_told(setting.func)} {setting.args} {setting.keywords}"
    if callable(setting):
        return f"{setting.__module__}.{getattr(setting, '__qualname__', type(setting))}"
    return repr(setting)


@cache
def _code() -> str:
    """Return a digest of this package's source and of the libraries that train."""
    digest = hashlib.sha256(f"{torch.__version__} {lightning.__version__}".encode())
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()

"""Checkpoints: a training that was killed resumes after its last whole epoch.

It ends with the same weights as without the interruption. A checkpoint is one file. Its name is a
digest of everything that determines the weights: data, network and initial weights, schedule, seed,
this package's code, torch's version, threads and the number of ranks. So a training never resumes
from another training's checkpoint, and needs no option to resume. Each `fit` within `Checkpoints`
writes one. The run removes them when it ends, and the folder with them if it is empty then.
Trainings may share a folder: one that ends takes nothing from another, unless both are the same
training.
"""

import errno
import hashlib
import io
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from pathlib import Path
from typing import Any, Self

import lightning
import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import CheckpointIO
from torch import nn

from app.disk import replace_file, writing
from training.data.encode import Examples
from training.data.encoded import content_digest
from training.data.encoded_folder import KeptEncoded
from training.data.sources import warn
from training.errors import Diverged, TrainingError
from training.fitting import ranks

_DIGEST = hashlib.sha256().digest_size
_TRIES = 1000  # of a write from under which other trainings remove the folder; each is quick
_current: ContextVar["Checkpoints | None"] = ContextVar("checkpoints", default=None)


class Checkpoints:
    """The folder in which trainings keep checkpoints while the context lasts.

    Encoded samples that are large lie there too, see `KeptEncoded`. fresh: ignore existing
    checkpoints and samples.
    """

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self._folder, self._fresh = folder, fresh
        self._used: list[Path] = []
        self._encoded = KeptEncoded(folder, fresh)

    def __enter__(self) -> Self:
        with _writing(self._folder):
            _repeated(lambda: self._folder.mkdir(parents=True, exist_ok=True))
            if not os.access(self._folder, os.W_OK | os.X_OK):  # before an epoch is lost
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._token = _current.set(self)
        self._encoded.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._encoded.__exit__()
        _current.reset(self._token)
        if not ranks.leads():
            return
        if kind is None or issubclass(kind, Diverged):
            self._encoded.remove()
            for path in self._used:
                path.unlink(missing_ok=True)
                for aside in path.parent.glob(f"{path.name}.*.part"):  # of a killed process
                    aside.unlink(missing_ok=True)
        with suppress(OSError):  # the folder holds other files
            self._folder.rmdir()

    def path(self, training: str) -> Path:
        """Return the file for the training with this digest; if `fresh`, delete an old one."""
        path = self._folder / f"{training[:32]}.ckpt"
        self._used.append(path)
        if self._fresh and ranks.leads():
            path.unlink(missing_ok=True)
        return path

    def read(self, path: Path) -> dict[str, Any] | None:
        """Return the checkpoint to resume from; None when fresh, absent or damaged.

        Raises `TrainingError` where another rank trains something else, or `OtherRankStopped` where
        it found another checkpoint.
        """
        ranks.check_same(path.name)
        found = None if self._fresh else _loaded(path)
        ranks.check_same_epoch(None if found is None else found.get("epoch"))
        return found


def _loaded(path: Path) -> dict[str, Any] | None:
    try:
        return SealedFile().load_checkpoint(path)
    except FileNotFoundError:
        return None
    except TrainingError as error:
        warn(f"{error}; starting over")
        return None


def current_checkpoints() -> Checkpoints | None:
    """Return the innermost `Checkpoints` context; None outside of any."""
    return _current.get()


@contextmanager
def without_checkpoints() -> Iterator[None]:
    """Let trainings within keep no checkpoints: they are timed, or short."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


class SealedFile(CheckpointIO):
    """A file with the bytes of a checkpoint and then their sha256.

    It is never half written. The folder is made if it is missing: another training that ended may
    have found it empty and removed it. Raises `NotWritten` where the disk refuses; the checkpoint
    of the epoch before stays.
    """

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write the file in one step."""
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        data = buffer.getvalue()
        sealed = data + hashlib.sha256(data).digest()
        with _writing(Path(path).parent):
            _repeated(lambda: replace_file(Path(path), sealed))

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return the checkpoint; raise `TrainingError` when the file is damaged."""
        data = Path(path).read_bytes()
        if hashlib.sha256(data[:-_DIGEST]).digest() != data[-_DIGEST:]:
            raise TrainingError(f"the checkpoint {path} is damaged")
        try:
            found: dict[str, Any] = torch.load(
                io.BytesIO(data[:-_DIGEST]), map_location="cpu", weights_only=True
            )
        except MemoryError:
            raise
        except Exception as error:  # of many kinds: somebody else wrote it, perhaps code
            raise TrainingError(f"the checkpoint {path} is damaged") from error
        return found

    def remove_checkpoint(self, path: Any) -> None:
        """Delete the file."""
        Path(path).unlink(missing_ok=True)


def _writing(folder: Path) -> AbstractContextManager[None]:
    return writing("a checkpoint", folder, "choose another folder with --checkpoints")


def _repeated(step: Callable[[], None]) -> None:
    """Do a step again when another training removes the folder in the middle of it."""
    for _ in range(_TRIES - 1):
        try:
            return step()
        except (FileNotFoundError, FileExistsError):  # the latter from `mkdir`, which looks twice
            continue
    return step()


class KeepEpoch(Checkpoint):
    """Writes the checkpoint at the end of each epoch."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Compare the ranks, which under torchrun can speak with each other from here on."""
        ranks.check_same(self._path.name)
        ranks.check_same_epoch(trainer.current_epoch)

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Save; Lightning calls this after all other callbacks."""
        trainer.save_checkpoint(self._path)


def fingerprint(network: nn.Module, parts: tuple[Examples, ...], *settings: object) -> str:
    """Return a digest of everything that determines the weights a training ends with."""
    digest = hashlib.sha256(code_digest().encode())
    machine = (torch.get_num_threads(), torch.cuda.is_available(), ranks.current().count)
    trained = [name for name, weight in network.named_parameters() if weight.requires_grad]
    texts = [*(_name(setting) for setting in settings), repr(machine), repr(network), repr(trained)]
    digest.update("\n".join(texts).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.cpu().numpy().tobytes())
    for part in parts:
        digest.update(f"{len(part)} {len(part.node_targets)}".encode())
        digest.update(part.targets.tobytes())
        digest.update(content_digest(part.items).encode())
        for node_labels in part.node_targets:
            digest.update(node_labels.tobytes())
    return digest.hexdigest()


def _name(setting: object) -> str:
    """Return a text for a setting, without the memory address that a function's `repr` has."""
    if isinstance(setting, partial):
        return f"{_name(setting.func)} {setting.args} {setting.keywords}"
    if callable(setting):
        return f"{setting.__module__}.{getattr(setting, '__qualname__', type(setting))}"
    return repr(setting)


@cache
def code_digest() -> str:
    """Return a digest of this package's source and of the versions of torch and Lightning."""
    digest = hashlib.sha256(f"{torch.__version__} {lightning.__version__}".encode())
    root = Path(__file__).parents[1]
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()

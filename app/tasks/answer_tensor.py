"""One tensor of an answer: the form in which programs read it, beside JSON for people."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from app.bundle import Manifest
from app.bundle.tensors import Arrays
from app.errors import ModelOutputInvalid
from app.modalities import Encoded

TEXT_DTYPE = "bytes"  # the dtype of texts in UTF-8, one for an item


@dataclass(frozen=True, slots=True)
class AnswerTensor:
    """A tensor that a task answers with.

    dtype: NumPy's name, or `TEXT_DTYPE`. shape: of one item; -1 for a size that varies. read:
    (encoded item, its outputs) -> an array of that shape, or bytes; raises `ModelOutputInvalid`.
    labels: the names along its only axis. on_request: it takes computing that nothing else needs,
    so it is left out unless it is named. needs_payload: it cannot be made where the graph's inputs
    were given.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[Encoded[Any], Arrays], Any]
    labels: tuple[str, ...] = ()
    on_request: bool = False
    needs_payload: bool = False


def graph_output(manifest: Manifest, name: str, **changes: Any) -> AnswerTensor:
    """Return the tensor that is an output of the graph as it is, of finite numbers.

    changes: fields that differ.
    """

    def read(_encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        if not np.isfinite(outputs[name]).all():
            raise ModelOutputInvalid(f"{manifest.name}: {name} is not finite")
        return outputs[name]

    [spec] = [spec for spec in manifest.outputs if spec.name == name]
    shape = tuple(size if isinstance(size, int) else -1 for size in spec.shape[1:])
    return replace(AnswerTensor(name, spec.dtype, shape, read), **changes)

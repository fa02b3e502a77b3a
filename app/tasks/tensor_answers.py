"""All tensors that a model answers with, from one run of its graph.

They are those of every task that the model supports: a classifier with embeddings answers with the
labels and with the features at once. A task that does not say which tensors it has answers with
one, under its own name: its JSON.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from app.bundle import Manifest
from app.bundle.tensors import Arrays
from app.modalities import Encoded, Encoder, Modality
from app.tasks.answer_tensor import TEXT_DTYPE, AnswerTensor
from app.tasks.task import Decode, Options, Task

TENSORS = "tensors"  # the name of these options among those of tasks


class TensorOptions(Options):
    """Which tensors to answer with. explain: whether one of them is computed on request only."""

    task: ClassVar[str] = TENSORS

    names: tuple[str, ...]
    explain: bool = False

    @property
    def explains(self) -> bool:
        """Whether the graph must compute the outputs that only explanations need."""
        return self.explain


@dataclass(frozen=True, slots=True, eq=False)
class TensorAnswer:
    """The tensors of one item by name: arrays, or bytes. truncated: as in `Encoded`."""

    tensors: Mapping[str, Any]
    truncated: str | None


def answer_tensors(
    tasks: Iterable[Task], manifest: Manifest, modality: Modality, encoder: Encoder
) -> dict[str, AnswerTensor]:
    """Return the tensors of a model by name: those of its own task, then those of the others."""
    found: dict[str, AnswerTensor] = {}
    supported = [task for task in tasks if task.can(manifest)]
    for task in sorted(supported, key=lambda each: each.name != manifest.task):
        made = [_as_json(task, manifest, modality)] if task.steps is None else []
        if task.tensors is not None:
            made = list(task.tensors(manifest, modality, encoder))
        found |= {tensor.name: tensor for tensor in made if tensor.name not in found}
    return found


def tensor_decoder(tensors: Mapping[str, AnswerTensor]) -> Decode:
    """Return the function from the outputs of one item to its `TensorAnswer`."""

    def decode(encoded: Encoded[Any], outputs: Arrays, options: TensorOptions) -> TensorAnswer:
        read = {name: tensors[name].read(encoded, outputs) for name in options.names}
        return TensorAnswer(read, encoded.truncated)

    return decode


def _as_json(task: Task, manifest: Manifest, modality: Modality) -> AnswerTensor:
    decode, options = task.decoder(manifest, modality), task.options()

    def read(encoded: Encoded[Any], outputs: Arrays) -> bytes:
        return orjson.dumps(task.item(decode(encoded, outputs, options)))

    return AnswerTensor(task.name, TEXT_DTYPE, (), read)

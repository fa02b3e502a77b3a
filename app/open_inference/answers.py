"""The answers to the items of a request → the tensors that it asks for, in that order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import InvalidTensor
from app.names import unknown_name
from app.open_inference.datatypes import BYTES, datatype_of
from app.pipeline import ModelInterface
from app.tasks.answer_tensor import TEXT_DTYPE, AnswerTensor
from app.tasks.reliability import ABSTAINED_TENSOR
from app.tasks.tensor_answers import TensorAnswer, TensorOptions

_UNRANKED = (TEXT_DTYPE, "bool")
_MOST_CLASSES = 2**16  # of all items of a request; each is a text that is written


@dataclass(frozen=True, slots=True)
class RequestedOutput:
    """An output that a request names. classification: how many classes to rank; 0 for numbers.

    binary: whether it is sent in binary form; None as the request says for all.
    """

    name: str
    classification: int = 0
    binary: bool | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredTensor:
    """One output. data: an array in its shape, or for BYTES the elements, row by row."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: np.ndarray | Sequence[bytes]


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """All outputs, and what is said about them. truncated: which items were not read as a whole."""

    outputs: Sequence[AnsweredTensor]
    truncated: str = ""


def choose_outputs(
    pipeline: ModelInterface, requested: Sequence[RequestedOutput], *, given: bool
) -> Sequence[RequestedOutput]:
    """Return the outputs to answer with; raise `InvalidTensor` for one that cannot be had.

    requested: none for all but those that are computed on request only. given: whether the inputs
    of the graph were sent in place of payloads.
    """
    known = pipeline.answer_tensors
    if not requested:
        return [RequestedOutput(each.name) for each in known.values() if not each.on_request]
    if len({each.name for each in requested}) < len(requested):
        raise InvalidTensor("expected each output once, got one of them twice")
    for each in requested:
        tensor = known.get(each.name)
        if tensor is None:
            raise InvalidTensor(unknown_name("output", each.name, known))
        if given and tensor.needs_payload:
            raise InvalidTensor(
                f"{tensor.name} is made of the payload; it cannot be had for tensors of the graph"
            )
        if each.classification and tensor.dtype in _UNRANKED:
            raise InvalidTensor(f"classification ranks numbers, and {tensor.name} has none")
    return requested


def tensor_options(pipeline: ModelInterface, outputs: Sequence[RequestedOutput]) -> TensorOptions:
    """Return the options by which the items are answered.

    Whether the model abstains is always read, because it is counted.
    """
    known, names = pipeline.answer_tensors, [each.name for each in outputs]
    if ABSTAINED_TENSOR in known and ABSTAINED_TENSOR not in names:
        names.append(ABSTAINED_TENSOR)
    explain = any(known[name].on_request for name in names)
    return TensorOptions(names=tuple(names), explain=explain)


def count_abstained(answers: Sequence[TensorAnswer]) -> int | None:
    """Return how many of the answers the model abstains from; None if it cannot abstain."""
    if ABSTAINED_TENSOR not in answers[0].tensors:
        return None
    return sum(bool(each.tensors[ABSTAINED_TENSOR]) for each in answers)


def answer_request(
    pipeline: ModelInterface, outputs: Sequence[RequestedOutput], answers: Sequence[TensorAnswer]
) -> AnsweredRequest:
    """Return the tensors of all items.

    Raises `InvalidTensor` where those of items do not stack, or where there are too many classes.
    """
    _check_classes(outputs, answers)
    tensors = [
        _classes(pipeline.answer_tensors[each.name], each.classification, answers)
        if each.classification
        else _stacked(pipeline.answer_tensors[each.name], answers)
        for each in outputs
    ]
    cut = [(place, each.truncated) for place, each in enumerate(answers) if each.truncated]
    said = [f"item {place}: {what}" if len(answers) > 1 else what for place, what in cut]
    return AnsweredRequest(tensors, "; ".join(map(str, said)))


def _check_classes(outputs: Sequence[RequestedOutput], answers: Sequence[TensorAnswer]) -> None:
    left = _MOST_CLASSES
    for each in outputs:
        if each.classification:
            sizes = [answer.tensors[each.name].size for answer in answers]
            asked = sum(min(each.classification, size) for size in sizes)
            if asked > left:
                raise InvalidTensor(
                    f"classification: {each.name} has {asked} classes for these items; "
                    f"expected at most {_MOST_CLASSES} in all outputs of a request"
                )
            left -= asked


def _stacked(tensor: AnswerTensor, answers: Sequence[TensorAnswer]) -> AnsweredTensor:
    values = [answer.tensors[tensor.name] for answer in answers]
    datatype = datatype_of(tensor.dtype)
    if datatype == BYTES:
        return AnsweredTensor(tensor.name, datatype, (len(values),), values)
    if len({value.shape for value in values}) > 1:
        raise InvalidTensor(
            f"{tensor.name} has another size for each of these items; send them one by one"
        )
    array = np.stack(values).astype(np.dtype(tensor.dtype).newbyteorder("<"), copy=False)
    return AnsweredTensor(tensor.name, datatype, array.shape, array)


def _classes(tensor: AnswerTensor, count: int, answers: Sequence[TensorAnswer]) -> AnsweredTensor:
    """Return `value:index:label` of the highest values of each item, the highest first."""
    found: list[bytes] = []
    for answer in answers:
        values = answer.tensors[tensor.name].reshape(-1)
        ranked = np.argsort(-values, kind="stable")[:count].tolist()
        found += [_class(values[place], place, tensor.labels) for place in ranked]
    rows = len(answers)
    return AnsweredTensor(tensor.name, BYTES, (rows, len(found) // rows), found)


def _class(value: Any, place: int, labels: Sequence[str]) -> bytes:
    label = f":{labels[place]}" if labels else ""
    return f"{value}:{place}{label}".encode()

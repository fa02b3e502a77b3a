"""A tensor as a client sent it → an array, or the bytes of each element.

What a tensor declares is compared with what is there before anything is made of it, with Python's
integers, which do not overflow. Whoever reads a tensor has compared its datatype and its shape with
the model's own before.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import prod
from typing import Any

import numpy as np

from app.errors import InvalidTensor
from app.open_inference.datatypes import BINARY_ONLY, numpy_dtype

MAX_AXES = 8
_LENGTH = struct.Struct("<I")  # before each element of BYTES
_EXACT = 2**53  # up to here a float holds every whole number


@dataclass(frozen=True, slots=True, eq=False)
class SentTensor:
    """One input of a request.

    raw: its elements in binary form, row by row and little-endian. values: in place of them, a list
    of the elements, nested by axis or not. parameters: what was sent with it.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    raw: memoryview | None = None
    values: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of elements that the shape declares."""
        return prod(self.shape)

    @property
    def about(self) -> str:
        """Its datatype and shape, for an error text."""
        shape = f"shape {list(self.shape)}" if len(self.shape) <= MAX_AXES else "more axes"
        return f"{self.datatype} of {shape}"


def read_numbers(tensor: SentTensor) -> np.ndarray:
    """Return the tensor as an array of its datatype and shape; raise `InvalidTensor`.

    Numbers are finite. The array may share the memory of the request.
    """
    dtype = numpy_dtype(tensor.datatype)
    array = _from_list(tensor, dtype) if tensor.raw is None else _from_binary(tensor, dtype)
    if dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidTensor(f"{tensor.name}: expected finite numbers, got one that is not")
    return array.reshape(tensor.shape)


def read_elements(tensor: SentTensor) -> Sequence[Any]:
    """Return the elements of a tensor of BYTES: bytes, or what `values` has."""
    if tensor.raw is None:
        return _flat(tensor)
    elements, place, end = [], 0, len(tensor.raw)
    for _ in range(tensor.count):
        if place + _LENGTH.size > end:
            raise _wrong_elements(tensor)
        [size] = _LENGTH.unpack_from(tensor.raw, place)
        place += _LENGTH.size
        if size > end - place:
            raise _wrong_elements(tensor)
        elements.append(bytes(tensor.raw[place : place + size]))
        place += size
    if place != end:
        raise _wrong_elements(tensor)
    return elements


def _wrong_elements(tensor: SentTensor) -> InvalidTensor:
    return InvalidTensor(
        f"{tensor.name}: expected {tensor.count} elements, each after its length as a "
        f"little-endian number of 4 bytes, and nothing else in its {len(tensor.raw or b'')} bytes"
    )


def _from_binary(tensor: SentTensor, dtype: np.dtype) -> np.ndarray:
    assert tensor.raw is not None
    expected = tensor.count * dtype.itemsize
    if len(tensor.raw) != expected:
        raise InvalidTensor(
            f"{tensor.name}: {tensor.about} takes {expected} bytes, got {len(tensor.raw)}"
        )
    if dtype.kind == "b" and np.frombuffer(tensor.raw, np.uint8).max(initial=0) > 1:
        raise InvalidTensor(f"{tensor.name}: expected bytes 0 or 1 in BOOL, got another")
    # It begins anywhere in the body, and runtimes want numbers at multiples of their size.
    return np.require(np.frombuffer(tensor.raw, dtype), requirements=["ALIGNED"])


def _from_list(tensor: SentTensor, dtype: np.dtype) -> np.ndarray:
    if tensor.datatype in BINARY_ONLY:
        raise InvalidTensor(f"{tensor.name}: {tensor.datatype} is sent in binary form only")
    values, name = _flat(tensor), tensor.datatype
    kinds = set(map(type, values))
    allowed = {bool} if dtype.kind == "b" else {int, float}
    if not kinds <= allowed:
        what = "true and false" if dtype.kind == "b" else "numbers"
        raise InvalidTensor(f"{tensor.name}: expected {what} for {name}, got something else")
    if float in kinds and dtype.kind in "iu":
        values = _whole(tensor, values)
    try:
        with np.errstate(over="ignore"):  # infinite numbers are refused
            return np.array(values, dtype)
    except OverflowError:
        raise InvalidTensor(f"{tensor.name}: a number is outside the range of {name}") from None


def _whole(tensor: SentTensor, values: Sequence[float]) -> list[int]:
    """Return whole numbers that some clients write with a decimal point."""
    if all(abs(value) <= _EXACT and value == int(value) for value in values):
        return [int(value) for value in values]
    raise InvalidTensor(f"{tensor.name}: expected whole numbers for {tensor.datatype}")


def _flat(tensor: SentTensor) -> list[Any]:
    """Return the elements of `values`, which are nested by the axes of the shape, or not at all."""
    values = tensor.values
    if not isinstance(values, list):
        raise InvalidTensor(f"{tensor.name}: expected a list in data, or binary_data_size")
    if values and isinstance(values[0], list):
        for axis, size in enumerate(tensor.shape[1:], 1):
            if not all(type(each) is list and len(each) == size for each in values):
                raise InvalidTensor(
                    f"{tensor.name}: expected lists of {size} on axis {axis} of data nested by its "
                    "shape, got something else"
                )
            values = list(chain.from_iterable(values))
    if len(values) != tensor.count:
        raise InvalidTensor(
            f"{tensor.name}: {tensor.about} has {tensor.count} elements, data has {len(values)}"
        )
    return values

"""Tensors as they are sent → arrays and elements; what contradicts itself is refused."""

import struct

import numpy as np
import pytest

from app.errors import InvalidTensor
from app.open_inference.datatypes import DATATYPES, check_datatype, config_type, numpy_dtype
from app.open_inference.sent_tensor import SentTensor, read_elements, read_numbers

NUMBERS = [name for name in DATATYPES if name not in ("BF16", "BYTES")]


def listed(datatype: str, shape: tuple[int, ...], values) -> SentTensor:
    return SentTensor("x", datatype, shape, values=values)


def raw(datatype: str, shape: tuple[int, ...], data: bytes) -> SentTensor:
    return SentTensor("x", datatype, shape, memoryview(data))


@pytest.mark.parametrize("datatype", NUMBERS)
def test_every_datatype_of_numbers_has_a_binary_form(datatype: str) -> None:
    array = np.array([[1, 0, 1], [0, 1, 1]]).astype(numpy_dtype(datatype))
    read = read_numbers(raw(datatype, (2, 3), array.tobytes()))
    assert read.dtype == array.dtype and (read == array).all()


def test_binary_numbers_are_little_endian_and_row_by_row() -> None:
    data = bytes([1, 0, 2, 0, 0, 1, 255, 255])
    assert read_numbers(raw("INT16", (2, 2), data)).tolist() == [[1, 2], [256, -1]]


def test_numbers_at_any_place_of_a_body_become_aligned() -> None:
    body = memoryview(b"{" + np.arange(4, dtype="<i8").tobytes())
    read = read_numbers(SentTensor("x", "INT64", (4,), body[1:]))
    assert read.flags.aligned and read.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("datatype", sorted(set(NUMBERS) - {"FP16", "BOOL"}))
def test_numbers_in_lists_are_nested_or_not(datatype: str) -> None:
    flat = read_numbers(listed(datatype, (2, 1, 3), [1, 2, 3, 4, 5, 6]))
    nested = read_numbers(listed(datatype, (2, 1, 3), [[[1, 2, 3]], [[4, 5, 6]]]))
    assert (flat == nested).all() and flat.dtype == nested.dtype == numpy_dtype(datatype)


def test_whole_numbers_may_stand_for_others_of_the_same_value() -> None:
    assert read_numbers(listed("FP32", (3,), [1, 0.5, -2])).tolist() == [1, 0.5, -2]
    assert read_numbers(listed("INT16", (2,), [3.0, -4])).tolist() == [3, -4]
    assert read_numbers(listed("BOOL", (2,), [True, False])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("datatype", "shape", "values"),
    [
        ("FP32", (2,), [1]),
        ("FP32", (2,), [1, 2, 3]),
        ("FP32", (2, 2), [[1, 2], [3]]),
        ("FP32", (2, 2), [[1, 2], 3]),
        ("FP32", (2, 2), [1, [2, 3]]),
        ("FP32", (2, 2), [[1], [2], [3], [4]]),
        ("FP32", (2,), [[1], [2]]),
        ("FP32", (1,), [[[[[1]]]]]),
        ("FP32", (1,), ["1"]),
        ("FP32", (1,), [None]),
        ("FP32", (1,), [True]),
        ("FP32", (1,), [{}]),
        ("FP32", (1,), 1),
        ("FP32", (1,), None),
        ("FP32", (1,), {"0": 1}),
        ("FP32", (1,), [1e39]),
        ("INT16", (1,), [1.5]),
        ("INT16", (1,), [1e300]),
        ("INT16", (1,), [2**15]),
        ("INT16", (1,), [-(2**15) - 1]),
        ("UINT8", (1,), [-1]),
        ("UINT64", (1,), [2**64]),
        ("INT64", (1,), [2**63]),
        ("BOOL", (1,), [1]),
        ("FP16", (1,), [1]),
    ],
)
def test_lists_that_are_not_the_tensor_are_refused(datatype: str, shape, values) -> None:
    with pytest.raises(InvalidTensor):
        read_numbers(listed(datatype, shape, values))


@pytest.mark.parametrize(
    ("datatype", "shape", "data"),
    [
        ("FP32", (2,), bytes(7)),
        ("FP32", (2,), bytes(9)),
        ("FP32", (2,), b""),
        ("FP32", (2**40, 2**40), bytes(8)),
        ("FP32", (0, 5), bytes(4)),
        ("BOOL", (1,), b"\2"),
        ("FP32", (1,), struct.pack("<f", float("nan"))),
        ("FP64", (1,), struct.pack("<d", float("-inf"))),
    ],
)
def test_bytes_that_are_not_the_tensor_are_refused(datatype: str, shape, data: bytes) -> None:
    with pytest.raises(InvalidTensor):
        read_numbers(raw(datatype, shape, data))


def test_elements_follow_their_lengths() -> None:
    data = b"\3\0\0\0abc" + b"\0\0\0\0" + b"\1\0\0\0\xff"
    assert read_elements(raw("BYTES", (3,), data)) == [b"abc", b"", b"\xff"]
    assert read_elements(raw("BYTES", (0,), b"")) == []
    assert read_elements(listed("BYTES", (2, 1), [["a"], ["b"]])) == ["a", "b"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1\0\0",
        b"\1\0\0\0",
        b"\1\0\0\0a",
        b"\1\0\0\0a\1\0\0\0bc",
        b"\xff\xff\xff\xffa\0\0\0\0",
        b"\1\0\0\0a\xff\xff\xff\x7fb",
    ],
)
def test_elements_that_are_not_two_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidTensor, match="expected 2 elements"):
        read_elements(raw("BYTES", (2,), data))


def test_unknown_datatypes_are_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidTensor, match="FP32"):
        check_datatype("FP31")
    with pytest.raises(InvalidTensor):
        check_datatype("STRING")  # Triton's documents have it once; its server does not
    assert [config_type(name) for name in ("BYTES", "FP32")] == ["TYPE_STRING", "TYPE_FP32"]

"""The datatypes of the protocol, and those of NumPy."""

from collections.abc import Mapping

import numpy as np

from app.errors import InvalidTensor
from app.names import unknown_name
from app.tasks.answer_tensor import TEXT_DTYPE

BYTES = "BYTES"  # elements of any length
# NumPy has none of these two.
_BFLOAT16 = "BF16"
_DTYPES: Mapping[str, str] = {
    "BOOL": "bool",
    **{f"UINT{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"int{bits}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"float{bits}" for bits in (16, 32, 64)},
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()} | {TEXT_DTYPE: BYTES}
DATATYPES = (*_DTYPES, _BFLOAT16, BYTES)
BINARY_ONLY = frozenset({"FP16", _BFLOAT16})  # JSON has no numbers for them


def check_datatype(name: str) -> None:
    """Raise `InvalidTensor` unless the protocol has this datatype."""
    if name not in DATATYPES:
        raise InvalidTensor(unknown_name("datatype", name, DATATYPES))


def datatype_of(dtype: str) -> str:
    """Return the datatype of a NumPy dtype, or of `TEXT_DTYPE`."""
    return _NAMES[dtype]


def numpy_dtype(name: str) -> np.dtype:
    """Return the little-endian dtype of a datatype of numbers, other than BF16."""
    return np.dtype(_DTYPES[name]).newbyteorder("<")


def config_type(name: str) -> str:
    """Return how a model's configuration writes a datatype."""
    return "TYPE_STRING" if name == BYTES else f"TYPE_{name}"

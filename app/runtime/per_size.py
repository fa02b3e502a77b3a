"""A GPU's sessions for one graph, one for each of a few sizes of batch.

ONNX Runtime's convolutions keep cuDNN's plan for the last shape only (`CudnnConvState`): when
batches of another size come, each convolution plans anew, and most likely the kernels of its
former plan go, to which a CUDA graph captured with them still points. Here no session sees
a second size.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

SIZES = (1, 2, 4, 8, 16, 32)  # items
Arrays: TypeAlias = Mapping[str, np.ndarray]
Run: TypeAlias = Callable[[Arrays], list[np.ndarray]]


class Sized:
    """What runs batches of each of SIZES; a batch is filled up to the next, a larger one divided.

    make: returns what runs batches of a size, of that one only.
    """

    def __init__(self, make: Callable[[int], Run]) -> None:
        self._runs = {size: make(size) for size in SIZES}

    def run(self, arrays: Arrays) -> list[np.ndarray]:
        """Return every output, one row for each row of the inputs; scalars go to every part."""
        count = min(len(array) for array in arrays.values() if array.ndim)
        parts = []
        for begin in range(0, count, SIZES[-1]):
            rows = min(count - begin, SIZES[-1])
            size = next(size for size in SIZES if size >= rows)
            part = {
                name: filled_up(array[begin : begin + rows], size) if array.ndim else array
                for name, array in arrays.items()
            }
            parts.append([output[:rows] for output in self._runs[size](part)])
        return parts[0] if len(parts) == 1 else list(map(np.concatenate, zip(*parts, strict=True)))


def filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """Return `size` rows: those of `array`, then copies of its last."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array

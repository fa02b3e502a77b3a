"""CUDA graphs: what a batch has the GPU do is recorded once, and then started by a single call.

A graph is bound to the shapes and addresses that it was recorded with: so it has buffers of its
own on the device, and is for batches of one size.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from app.bundle.tensors import TensorSpec


class Captured:
    """The CUDA graph of a session, captured when this is made, for batches of `size` items.

    To be made and run in one thread. Raises what ONNX Runtime raises where it cannot capture.
    inputs, outputs: the session's, with no free axis but the batch.
    """

    def __init__(
        self,
        session: Any,
        size: int,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        place: str = "cuda",
    ) -> None:
        self._session = session
        self._inputs = _buffers(inputs, size, place)
        self._outputs = _buffers(outputs, size, place)
        self._binding = session.io_binding()
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        session.run_with_iobinding(self._binding)  # warms up and captures

    def run(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return every output for a batch of that size."""
        for name, array in arrays.items():
            self._inputs[name].update_inplace(array)
        self._session.run_with_iobinding(self._binding)
        return [value.numpy().copy() for value in self._outputs.values()]


def _buffers(specs: Sequence[TensorSpec], size: int, place: str) -> dict[str, Any]:
    """Return zeros for a batch of `size`, in the memory of `place`, by name."""
    made = {}
    for spec in specs:
        zeros = np.zeros((size, *map(int, spec.shape[1:])), spec.dtype)
        value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(zeros.shape, zeros.dtype, place)
        value.update_inplace(zeros)
        made[spec.name] = value
    return made

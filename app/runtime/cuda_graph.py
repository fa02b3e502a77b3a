"""CUDA graphs: the GPU's work for a batch is recorded once and then started by a single call.

A graph is bound to the shapes and addresses that it was recorded with. So it has buffers of its own
on the device and serves batches of one size.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnxruntime

from app.bundle.tensors import Arrays, TensorSpec


class CudaGraphRunner:
    """The CUDA graph of a session for batches of `size` items, captured by the constructor.

    Construct and run it in one and the same thread. The constructor raises what ONNX Runtime raises
    where it cannot capture.

    inputs, outputs: the session's, with no dynamic axis but the batch. memory: ONNX Runtime's name
    of the device that holds the buffers.
    """

    def __init__(
        self,
        session: Any,
        size: int,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        memory: str = "cuda",
    ) -> None:
        self._session = session
        self._inputs = _buffers(inputs, size, memory)
        self._outputs = _buffers(outputs, size, memory)
        self._binding = session.io_binding()
        for name, value in self._inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        session.run_with_iobinding(self._binding)  # warms up and captures

    def run(self, arrays: Arrays, options: Any = None) -> dict[str, np.ndarray]:
        """Return every output for a batch of that size.

        options: ignored, because a captured graph is one call, which cannot be ended.
        """
        for name, array in arrays.items():
            self._inputs[name].update_inplace(array)
        self._session.run_with_iobinding(self._binding)
        return {name: value.numpy().copy() for name, value in self._outputs.items()}


def _buffers(specs: Sequence[TensorSpec], size: int, memory: str) -> dict[str, Any]:
    """Return zeros for a batch of `size` on the device `memory`, by name."""
    buffers = {}
    for spec in specs:
        zeros = np.zeros((size, *map(int, spec.shape[1:])), spec.dtype)
        value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(zeros.shape, zeros.dtype, memory)
        value.update_inplace(zeros)
        buffers[spec.name] = value
    return buffers

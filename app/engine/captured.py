"""CUDA graphs: what a batch has the GPU do is recorded once, and then started by a single call.

A graph is bound to the shapes and addresses that it was recorded with: so there is one for each
of a few sizes, each with buffers of its own on the device, and a batch is filled up to the next.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from app.bundle import TensorSpec

SIZES = (1, 2, 4, 8, 16, 32)  # items


class Captured:
    """CUDA graphs of one session, captured when this is made, one for each of SIZES.

    To be made and run in one thread. Raises what ONNX Runtime raises where it cannot capture.
    inputs, outputs: the session's, with no free axis but the batch.
    """

    def __init__(
        self,
        session: Any,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        place: str = "cuda",
    ) -> None:
        self._graphs = [
            _Graph(session, size, _buffers(inputs, size, place), _buffers(outputs, size, place))
            for size in SIZES
        ]

    def run(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return every output, one row for each row of the inputs."""
        count = min(len(array) for array in arrays.values())
        parts = []
        for begin in range(0, count, SIZES[-1]):
            part = {name: array[begin : begin + SIZES[-1]] for name, array in arrays.items()}
            graph = next(g for g in self._graphs if g.size >= min(count - begin, SIZES[-1]))
            parts.append(graph.run(part))
        return [np.concatenate(rows) for rows in zip(*parts, strict=True)]


class _Graph:
    """The graph of one size of batch, with its buffers on the device."""

    def __init__(
        self, session: Any, size: int, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
    ) -> None:
        self.size = size
        self._session, self._inputs, self._outputs = session, inputs, outputs
        self._binding = session.io_binding()
        for name, value in inputs.items():
            self._binding.bind_ortvalue_input(name, value)
        for name, value in outputs.items():
            self._binding.bind_ortvalue_output(name, value)
        self._options = onnxruntime.RunOptions()
        self._options.add_run_config_entry("gpu_graph_id", str(size))
        session.run_with_iobinding(self._binding, self._options)  # warms up and captures

    def run(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return every output, without the rows that fill up."""
        for name, array in arrays.items():
            self._inputs[name].update_inplace(filled_up(array, self.size))
        self._session.run_with_iobinding(self._binding, self._options)
        count = min(len(array) for array in arrays.values())
        return [value.numpy()[:count].copy() for value in self._outputs.values()]


def filled_up(array: np.ndarray, size: int) -> np.ndarray:
    """Return `size` rows: those of `array`, then copies of its last."""
    missing = size - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _buffers(specs: Sequence[TensorSpec], size: int, place: str) -> dict[str, Any]:
    """Return zeros for a batch of `size`, in the memory of `place`, by name."""
    made = {}
    for spec in specs:
        zeros = np.zeros((size, *map(int, spec.shape[1:])), spec.dtype)
        value = onnxruntime.OrtValue.ortvalue_from_shape_and_type(zeros.shape, zeros.dtype, place)
        value.update_inplace(zeros)
        made[spec.name] = value
    return made

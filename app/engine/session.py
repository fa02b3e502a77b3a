"""ONNX Runtime, and nobody else imports it.

`auto` uses CUDA where it works and the CPU otherwise; `cuda` refuses to go on without
it. ONNX Runtime falls back to the CPU silently, so the provider is read back from the
session and reported, never assumed. On CUDA the inputs and outputs go through IO
binding, which keeps ONNX Runtime from copying them more than once.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from app.bundle import TensorSpec
from app.bundle.manifest import DType
from app.errors import DeviceUnavailable, InvalidBundle

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when the library loads
import onnxruntime

Device = Literal["auto", "cpu", "cuda"]
DEVICES: tuple[Device, ...] = get_args(Device)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_DRIVER_NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl")  # server, WSL, Jetson
_ONNX_TYPES: dict[DType, str] = {
    "uint8": "tensor(uint8)",
    "int16": "tensor(int16)",
    "int64": "tensor(int64)",
    "float32": "tensor(float)",
}


def cuda_present() -> bool:
    """Say whether this wheel has CUDA and this machine a driver; load CUDA's libraries if so.

    Whether a session really runs there is only known once it is made.
    """
    if CUDA not in onnxruntime.get_available_providers():
        return False
    if os.name == "posix" and not any(Path(node).exists() for node in _DRIVER_NODES):
        return False  # asking ONNX Runtime would only print its errors
    onnxruntime.preload_dlls()
    return True


def choose_providers(device: Device, cuda: bool) -> list[Any]:
    """Return the providers to ask ONNX Runtime for; raise `DeviceUnavailable`.

    HEURISTIC convolution search costs about 2 ms for a new shape where the default,
    EXHAUSTIVE, costs about 600.
    """
    if device == "cpu" or (device == "auto" and not cuda):
        return [CPU]
    if not cuda:
        raise DeviceUnavailable(
            "THALAMUS_DEVICE=cuda, but no usable CUDA device was found on this machine; "
            "set THALAMUS_DEVICE=auto to fall back to the CPU"
        )
    return [(CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), CPU]


class Session:
    """One graph, ready to run. Safe to call from several threads."""

    def __init__(self, model: bytes, device: Device = "cpu", threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # by default it counts the host's, not ours
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The arena would keep the memory of the largest batch ever seen, and twice the weights'
        # for what it grows by; without it batches of the sizes that pay take no longer.
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
        providers = choose_providers(device, device != "cpu" and cuda_present())
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=providers)
            self._session._model_bytes = None  # kept for a fallback that is not wanted
        except Exception as error:  # ONNX Runtime's own exceptions share no base class
            raise InvalidBundle(f"ONNX Runtime cannot load the graph: {error}") from error
        self.provider: str = self._session.get_providers()[0]
        if device == "cuda" and self.provider != CUDA:
            raise DeviceUnavailable(f"THALAMUS_DEVICE=cuda, but the model runs on {self.provider}")
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._run = self._run_bound if self.provider == CUDA else self._run_plain

    def run(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return every output of the graph for this batch."""
        try:
            return dict(zip(self._outputs, self._run(arrays), strict=True))
        except Exception as error:  # as above
            raise InvalidBundle(f"ONNX Runtime cannot run the graph: {error}") from error

    def check(self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
        """Raise `InvalidBundle` unless the graph's tensors are those of the manifest."""
        for specs, nodes in (
            (inputs, self._session.get_inputs()),
            (outputs, self._session.get_outputs()),
        ):
            declared = {spec.name: (_ONNX_TYPES[spec.dtype], _sizes(spec.shape)) for spec in specs}
            actual = {node.name: (node.type, _sizes(node.shape)) for node in nodes}
            if declared != actual:
                raise InvalidBundle(f"the manifest says {declared}, the graph has {actual}")

    def tensors(self) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
        """Return the graph's inputs and outputs; raise `InvalidBundle` for other kinds."""
        names = {onnx_type: name for name, onnx_type in _ONNX_TYPES.items()}
        found = []
        for node in (*self._session.get_inputs(), *self._session.get_outputs()):
            if node.type not in names:
                raise InvalidBundle(f"{node.name!r} is {node.type}; taken are {', '.join(names)}")
            if not node.shape or isinstance(node.shape[0], int):
                raise InvalidBundle(
                    f"{node.name!r} has a fixed first axis; export with a free batch axis"
                )
            shape = ("batch", *(size if size else "free" for size in node.shape[1:]))
            found.append(TensorSpec(name=node.name, dtype=names[node.type], shape=shape))
        count = len(self._session.get_inputs())
        return tuple(found[:count]), tuple(found[count:])

    def _run_plain(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        results: list[np.ndarray] = self._session.run(self._outputs, dict(arrays))
        return results

    def _run_bound(self, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        binding = self._session.io_binding()
        for name, array in arrays.items():
            binding.bind_cpu_input(name, array)
        for name in self._outputs:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        results: list[np.ndarray] = binding.copy_outputs_to_cpu()
        return results


def _sizes(shape: Sequence[Any]) -> tuple[int | None, ...]:
    """Return the fixed sizes of a shape, None where an axis is free."""
    return tuple(size if isinstance(size, int) else None for size in shape)

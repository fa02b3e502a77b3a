"""On what a session runs: the one place that knows ONNX Runtime's providers and their options.

`auto` uses CUDA where it is present and the CPU otherwise; `cuda` and `tensorrt` refuse to go
on without.
"""

import ctypes
import os
from pathlib import Path
from typing import Literal, get_args

import onnxruntime

from app.errors import DeviceUnavailable

Device = Literal["auto", "cpu", "cuda", "tensorrt"]
DEVICES: tuple[Device, ...] = get_args(Device)
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
TENSORRT_LIBRARY = "libnvinfer.so.10"  # that the wheel's provider is linked to; not in the wheel
Provider = tuple[str, dict[str, str]]  # its name and options
_DRIVER_NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl")  # server, WSL, Jetson


def cuda_present() -> bool:
    """Say whether this wheel has CUDA and this machine a driver; neither is touched.

    Whether a session really runs there is only known once it is made.
    """
    if CUDA not in onnxruntime.get_available_providers():
        return False
    # Without a driver, asking ONNX Runtime would only print its errors.
    return os.name != "posix" or any(Path(node).exists() for node in _DRIVER_NODES)


def tensorrt_present() -> bool:
    """Say whether this wheel has the TensorRT provider and this machine its library."""
    try:
        ctypes.CDLL(TENSORRT_LIBRARY)
    except OSError:
        return False
    return TENSORRT in onnxruntime.get_available_providers()


def providers_for(device: Device, graphs: bool = False) -> list[Provider]:
    """Return what `choose_providers` says for this machine."""
    cuda = device != "cpu" and cuda_present()
    return choose_providers(device, cuda, device == "tensorrt" and tensorrt_present(), graphs)


def choose_providers(
    device: Device, cuda: bool, tensorrt: bool = False, graphs: bool = False
) -> list[Provider]:
    """Return the providers to ask ONNX Runtime for, the first first; raise `DeviceUnavailable`.

    cuda, tensorrt: whether they are there. graphs: whether to capture CUDA graphs.
    HEURISTIC has cuDNN choose by rule where the default, EXHAUSTIVE, has it try every algorithm.
    """
    if device == "cpu" or (device == "auto" and not cuda):
        return [(CPU, {})]
    if not cuda:
        raise DeviceUnavailable(
            f"THALAMUS_DEVICE={device}, but no usable CUDA device was found on this machine; "
            "set THALAMUS_DEVICE=auto to fall back to the CPU"
        )
    options = {"cudnn_conv_algo_search": "HEURISTIC"}
    if device != "tensorrt":
        return [(CUDA, options | ({"enable_cuda_graph": "1"} if graphs else {})), (CPU, {})]
    if not tensorrt:
        raise DeviceUnavailable(
            f"THALAMUS_DEVICE=tensorrt, but {TENSORRT_LIBRARY} cannot be loaded; "
            "install TensorRT or set THALAMUS_DEVICE=cuda"
        )
    return [(TENSORRT, {}), (CUDA, options), (CPU, {})]

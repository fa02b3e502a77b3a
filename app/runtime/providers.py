"""What a session runs on: the one place that knows ONNX Runtime's providers and their options.

The device `auto` means CUDA where it is present and the CPU otherwise; `cuda` and `tensorrt` raise
`DeviceUnavailable` where they are absent.
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
TENSORRT_LIBRARY = "libnvinfer.so.10"  # the wheel's provider is linked to it; not in the wheel
Provider = tuple[str, dict[str, str]]  # its name and options
_DRIVER_NODES = ("/dev/nvidiactl", "/dev/dxg", "/dev/nvhost-ctrl")  # server, WSL, Jetson


def cuda_present() -> bool:
    """Say whether this wheel has CUDA and this machine a driver, without initialising either.

    Whether a session really runs there is known only when it is open.
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


def runtime_version() -> str:
    """Return the version of ONNX Runtime."""
    return str(onnxruntime.__version__)


def providers_for(device: Device, graphs: bool = False) -> list[Provider]:
    """Return what `choose_providers` returns for this machine."""
    cuda = device != "cpu" and cuda_present()
    return choose_providers(device, cuda, device == "tensorrt" and tensorrt_present(), graphs)


def choose_providers(
    device: Device, cuda: bool, tensorrt: bool = False, graphs: bool = False
) -> list[Provider]:
    """Return the providers to ask ONNX Runtime for, preferred first; raise `DeviceUnavailable`.

    cuda, tensorrt: whether they are present. graphs: whether to capture CUDA graphs.
    """
    if device == "cpu" or (device == "auto" and not cuda):
        return [(CPU, {})]
    if not cuda:
        raise DeviceUnavailable(
            f"THALAMUS_DEVICE={device}, but no usable CUDA device was found on this machine; "
            "set THALAMUS_DEVICE=auto to fall back to the CPU"
        )
    # By rule; the default, EXHAUSTIVE, tries every algorithm for each new shape.
    options = {"cudnn_conv_algo_search": "HEURISTIC"}
    if device != "tensorrt":
        return [(CUDA, options | ({"enable_cuda_graph": "1"} if graphs else {})), (CPU, {})]
    if not tensorrt:
        raise DeviceUnavailable(
            f"THALAMUS_DEVICE=tensorrt, but {TENSORRT_LIBRARY} cannot be loaded; "
            "install TensorRT or set THALAMUS_DEVICE=cuda"
        )
    return [(TENSORRT, {}), (CUDA, options), (CPU, {})]

from pathlib import Path

import onnxruntime
import pytest

from app.errors import DeviceUnavailable
from app.runtime.providers import (
    CPU,
    CUDA,
    DEVICES,
    TENSORRT,
    TENSORRT_LIBRARY,
    choose_providers,
    providers_for,
    tensorrt_present,
)

ON_CPU = [(CPU, {})]
ON_CUDA = [(CUDA, {"cudnn_conv_algo_search": "HEURISTIC"}), *ON_CPU]
CAPTURED = [(CUDA, {"cudnn_conv_algo_search": "HEURISTIC", "enable_cuda_graph": "1"}), *ON_CPU]
ON_TENSORRT = [(TENSORRT, {}), *ON_CUDA]


@pytest.mark.parametrize(
    ("device", "cuda", "tensorrt", "graphs", "expected"),
    [
        ("cpu", False, False, False, ON_CPU),
        ("cpu", True, True, True, ON_CPU),
        ("auto", False, False, False, ON_CPU),
        ("auto", False, False, True, ON_CPU),
        ("auto", True, True, False, ON_CUDA),
        ("auto", True, False, True, CAPTURED),
        ("cuda", True, False, False, ON_CUDA),
        ("cuda", True, True, True, CAPTURED),
        ("cuda", False, True, False, "no usable CUDA device"),
        ("tensorrt", True, True, False, ON_TENSORRT),
        ("tensorrt", True, True, True, ON_TENSORRT),  # its engines need no graphs
        ("tensorrt", True, False, False, "libnvinfer.* cannot be loaded; .*THALAMUS_DEVICE=cuda"),
        ("tensorrt", False, True, False, "no usable CUDA device"),
    ],
)
def test_providers_follow_from_the_device(device, cuda, tensorrt, graphs, expected) -> None:
    if isinstance(expected, str):
        with pytest.raises(DeviceUnavailable, match=expected) as refused:
            choose_providers(device, cuda, tensorrt, graphs)
        assert f"THALAMUS_DEVICE={device}," in str(refused.value)
        assert "\n" not in str(refused.value)
    else:
        assert choose_providers(device, cuda, tensorrt, graphs) == expected


def test_cpu_provider_is_always_available() -> None:
    assert providers_for("cpu") == ON_CPU
    assert set(DEVICES) == {"auto", "cpu", "cuda", "tensorrt"}


def test_the_library_named_is_the_one_the_provider_is_linked_to() -> None:
    provider = Path(onnxruntime.__file__).parent / "capi/libonnxruntime_providers_tensorrt.so"
    if not provider.exists():
        pytest.skip("this wheel has no TensorRT provider")
    assert b"\0" + TENSORRT_LIBRARY.encode() + b"\0" in provider.read_bytes()


def test_tensorrt_is_available_only_with_its_library(monkeypatch) -> None:
    monkeypatch.setattr("app.runtime.providers.TENSORRT_LIBRARY", "libno-such-thing.so.0")
    assert not tensorrt_present()

"""The duration of a batch by its size: curves from published tables, and one measured here.

A curve is linear between the points of a table, and beyond the last one it continues the line
through the last two. Where too few points are published, a line a + c·b goes through them.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from app.registry import SHIPPED

MODELS = Path(__file__).parent.parent / "models"
LARGEST = 512  # items in the largest batch of the simulation


@dataclass(frozen=True)
class Curve:
    """The duration of a batch in seconds, by the number of its items."""

    name: str
    source: str  # where the points come from
    points: Mapping[int, float]  # items → seconds, at least two
    limits: Sequence[float]  # bounds in seconds on the 99th percentile of the latency

    def seconds(self) -> list[float]:
        """Return the seconds of batches of 0, 1, … `LARGEST` items; the first is 0."""
        sizes, times = list(self.points), list(self.points.values())
        slope = (times[-1] - times[-2]) / (sizes[-1] - sizes[-2])
        sizes.append(max(LARGEST, sizes[-1]) + 1)
        times.append(times[-1] + slope * (sizes[-1] - sizes[-2]))
        return [0.0, *np.interp(range(1, LARGEST + 1), sizes, times).tolist()]


def line(first: tuple[int, float], second: tuple[int, float]) -> dict[int, float]:
    """Return the points at 1 and at `LARGEST` items of the line through two others."""
    slope = (second[1] - first[1]) / (second[0] - first[0])
    return {size: first[1] + slope * (size - first[0]) for size in (1, LARGEST)}


def milliseconds(points: Mapping[int, float]) -> dict[int, float]:
    """Return the same points in seconds."""
    return {size: took / 1000 for size, took in points.items()}


T4 = Curve(
    "T4",
    "ResNet-50 v1.5, FP16, ONNX Runtime with TensorRT inside Triton, offline, average latency: "
    "NVIDIA DeepLearningExamples, PyTorch/Classification/ConvNets/triton/resnet50/README.md, "
    "commit 49e23b4. Request and transfer are in it. Eight points, linear between them.",
    milliseconds(
        {1: 3.003, 2: 3.998, 4: 5.747, 8: 8.998, 16: 15.113, 32: 28.353, 64: 53.187, 128: 100.155}
    ),
    (0.015, 0.05, 0.1),
)
H100 = Curve(
    "H100",
    "ResNet-50 v1.5, INT8, TensorRT, one H100-SXM-80GB: MLPerf Inference v3.1, closed, NVIDIA, "
    "DGX-H100_H100-SXM-80GBx1_TRT. Offline 88,526 a second in batches of 2,048 is 23.13 ms; "
    "Server 73,019 a second in batches of 256 on one stream is at most 3.51 ms. No table by batch "
    "size was found: the curve is the line through these two, 0.70 ms + 11 µs · b. Its offset is "
    "an upper bound (an A100 took 0.45 ms for one in v3.0, SingleStream), inputs lie on the GPU, "
    "and batch sizes are those of the configs that NVIDIA published with v4.1 for the same rates.",
    line((256, 256 / 73_019.22), (2048, 2048 / 88_526)),
    (0.005, 0.015),
)
H200 = Curve(
    "H200",
    "the shipped `imagenet` bundle on one NVIDIA H200, ONNX Runtime's CUDA provider, uint8 "
    "pictures from page-locked memory: `python -m benchmarks gpu`, docs/gpu.md, medians, no "
    "decoding. The service divides batches of more than 32.",
    milliseconds({1: 1.42, 2: 1.39, 4: 1.37, 8: 1.39, 16: 2.21, 32: 3.63, 64: 7.27}),
    (0.005, 0.015),
)
CPU = Curve(
    "CPU",
    "the shipped `imagenet` bundle, one ONNX Runtime thread: `python -m benchmarks simulate "
    "--measure`, the fastest of six runs of each size in seconds of the thread, no decoding.",
    milliseconds({1: 9.8, 2: 18.7, 4: 37.2, 7: 67.0, 8: 104.7, 16: 213.5, 32: 440.5}),
    (0.1, 0.25),
)
STEEP = Curve(
    "device of a steep kind",
    "no hardware: 30 ms + 1 ms · b, so that one item takes more than half of the 50 ms that a "
    "batch may take. It shows where the policy fails.",
    milliseconds(line((0, 30.0), (1, 31.0))),
    (0.1, 0.2),
)
SIZES = (1, 2, 4, 7, 8, 16, 32)


def measure(runs: int = 6) -> Curve:
    """Return the CPU's curve, measured on this machine with one thread; takes some seconds.

    It measures the CPU time of the thread and takes the fastest run, because other work on the
    machine can only make a run slower.
    """
    from app.bundle import read_bundle
    from app.modalities import Payload
    from app.pipeline import Pipeline

    bundle = read_bundle(MODELS / "imagenet" / "1", SHIPPED)
    pipeline = Pipeline(bundle, threads=1)
    case = bundle.golden[0]
    payload = Payload(bundle.files[f"golden/{case.file}"], case.media_type)
    item = pipeline.encoder.encode(payload)
    best = dict.fromkeys(SIZES, float("inf"))
    for _ in range(runs):
        for size in SIZES:
            begun = time.thread_time()
            pipeline.run([item.arrays] * size)
            best[size] = min(best[size], time.thread_time() - begun)
    return Curve(CPU.name, CPU.source, best, CPU.limits)

"""The options of ONNX Runtime's CUDA provider: first run, later runs, and changed answers."""

from collections.abc import Iterator, Mapping

import numpy as np
import onnxruntime

from app.runtime.providers import CUDA, Device, Provider, providers_for
from benchmarks.gpu.subject import Subject, quiet, seconds

SIZES = (1, 8, 32)
CHOICES: Mapping[str, Mapping[str, str]] = {
    "as served": {},
    "search DEFAULT": {"cudnn_conv_algo_search": "DEFAULT"},
    "search HEURISTIC": {"cudnn_conv_algo_search": "HEURISTIC"},
    "search EXHAUSTIVE": {"cudnn_conv_algo_search": "EXHAUSTIVE"},
    "no TF32": {"use_tf32": "0"},
    "NHWC": {"prefer_nhwc": "1"},
}


def _providers(device: Device, choice: Mapping[str, str]) -> list[Provider]:
    return [
        (name, {**options, **choice} if name == CUDA else options)
        for name, options in providers_for(device)
    ]


def table(subject: Subject, device: Device) -> Iterator[str]:
    """Yield a row an option: first run and median of each size, and the largest difference."""
    model, fetched = subject.bundle.model, subject.outputs
    feeds = {size: dict(subject.feeds(size)) for size in SIZES}
    right = onnxruntime.InferenceSession(model, quiet(), providers=providers_for("cpu"))
    expected = right.run(fetched[:1], feeds[SIZES[-1]])[0]
    heads = " | ".join(f"{size}: first | median" for size in SIZES)
    yield f"\n| {subject.name}, ms | {heads} | difference |"
    yield "|---" * (2 + 2 * len(SIZES)) + "|"
    for choice, changed in CHOICES.items():
        providers = _providers(device, changed)
        session = onnxruntime.InferenceSession(model, quiet(), providers=providers)
        cells = []
        for size in SIZES:
            took = seconds(lambda s=session, f=feeds[size]: s.run(fetched, f))  # type: ignore[misc]
            cells += [f"{1000 * one:.2f}" for one in took]
        answers = session.run(fetched[:1], feeds[SIZES[-1]])[0]
        cells.append(f"{float(np.abs(answers - expected).max()):.1e}")
        yield f"| {choice} | {' | '.join(cells)} |"

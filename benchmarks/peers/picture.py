"""The code that every peer and the in-process limit share: decode, run, answer.

It runs in each peer's own environment, so it imports NumPy, Pillow and ONNX Runtime only.
BENCH_MODEL, BENCH_SIDE and BENCH_THREADS give the graph, the picture size and the threads.
"""

import io
import os

import numpy as np
from PIL import Image


def decode(jpeg: bytes, side: int, draft: bool = True) -> np.ndarray:
    """Return uint8 (side, side, 3); `draft` lets libjpeg shrink a large picture as it decodes."""
    file = Image.open(io.BytesIO(jpeg))
    if draft:
        file.draft(None, (2 * side, 2 * side))  # as Thalamus does, for equal answers
    image = file.convert("RGB")
    size = (side, side)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.asarray(image)


class Classifier:
    """The graph that BENCH_MODEL names."""

    def __init__(self) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ["BENCH_THREADS"])
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path, providers = os.environ["BENCH_MODEL"], ["CPUExecutionProvider"]
        self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        self._side = int(os.environ["BENCH_SIDE"])

    def decode(self, jpeg: bytes) -> np.ndarray:
        """Return the picture in the form of the graph's input."""
        return decode(jpeg, self._side)

    def run(self, pictures: list[np.ndarray]) -> list[dict[str, str | float]]:
        """Return the label and probability of every picture."""
        (scores,) = self._session.run(["probabilities"], {"image": np.stack(pictures)})
        best = scores.argmax(1)
        return [
            {"label": str(label), "probability": float(row[label])}
            for label, row in zip(best, scores, strict=True)
        ]

    def classify(self, jpegs: list[bytes]) -> list[dict[str, str | float]]:
        """Decode and run one batch."""
        return self.run([self.decode(jpeg) for jpeg in jpegs])

"""The runner of CUDA graphs on the CPU, with a real session, buffers and bindings.

Only the capture is missing: the CPU computes each batch.
"""

import numpy as np
import onnxruntime

from app.bundle.tensors import TensorSpec
from app.runtime.cuda_graph import CudaGraphRunner
from tests import fakes

IMAGE = TensorSpec(name="image", dtype="uint8", shape=("batch", 8, 8, 3))
OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))
PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)


def test_the_outputs_of_a_batch_outlive_the_next_batch() -> None:
    session = onnxruntime.InferenceSession(fakes.image_graph())
    captured = CudaGraphRunner(session, 2, [IMAGE], [OUTPUT], "cpu")
    first, second = (captured.run({"image": PIXELS[i : i + 2]})["probabilities"] for i in (0, 2))
    for answers, pixels in ((first, PIXELS[:2]), (second, PIXELS[2:])):
        expected = session.run(None, {"image": pixels})[0]
        assert np.allclose(answers, expected, atol=1e-6)

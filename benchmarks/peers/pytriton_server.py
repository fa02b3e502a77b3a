"""PyTriton: NVIDIA Triton with its dynamic batcher in front of one instance a core.

As https://triton-inference-server.github.io/pytriton/latest/binding_models: several instances
are a list of callables. The picture follows the JSON of a V2 request, as in the
binary extension.
"""

import json
import os

import numpy as np
from picture import Classifier
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


class Inference:
    """One of the instances, each in a thread of its own."""

    def __init__(self) -> None:
        self._classifier = Classifier()

    @batch
    def __call__(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """One row of the batch is one picture."""
        answers = self._classifier.classify([row[0] for row in picture])
        return {"answer": np.array([[json.dumps(answer).encode()] for answer in answers])}


if __name__ == "__main__":
    port = int(os.environ["BENCH_PORT"])
    config = TritonConfig(http_port=port, grpc_port=port + 1, metrics_port=port + 2)
    with Triton(config=config) as triton:
        triton.bind(
            model_name="picture",
            infer_func=[Inference() for _ in range(int(os.environ["BENCH_WORKERS"]))],
            inputs=[Tensor(name="picture", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="answer", dtype=bytes, shape=(1,))],
            config=ModelConfig(max_batch_size=16, batcher=DynamicBatcher()),
        )
        triton.serve()

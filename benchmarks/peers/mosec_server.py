"""mosec: a Rust front, workers in Python, dynamic batching.

As https://mosecorg.github.io/mosec/examples/pytorch.html, in one stage: a second one would
copy every picture between processes.
"""

import os

from mosec import Server, Worker
from picture import Classifier


class Inference(Worker):
    """Decodes and runs a batch in one of two processes."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = Classifier()

    def deserialize(self, data: bytes) -> bytes:
        """The body is the picture."""
        return data

    def forward(self, data: list[bytes]) -> list[dict[str, str | float]]:
        """One answer a picture."""
        return self.classifier.classify(data)


if __name__ == "__main__":
    server = Server()
    # The wait for a batch is the default, 10 ms: 1 ms is faster for a few clients, slower for 32.
    server.append_worker(Inference, num=int(os.environ["BENCH_WORKERS"]), max_batch_size=16)
    server.run()

"""LitServe: two API processes, two workers, dynamic batching, its queue for high loads.

As https://lightning.ai/docs/litserve/features/batching; a file comes as a multipart form.
"""

import os

import litserve
from picture import Classifier
from starlette.requests import Request


class Api(litserve.LitAPI):
    """Decodes in the worker and runs a batch."""

    def setup(self, device: str) -> None:
        """Once in each worker."""
        self.classifier = Classifier()

    def decode_request(self, request: Request) -> bytes:
        """The form's file."""
        return bytes(request["file"].file.read())

    def predict(self, batch: list[bytes]) -> list[dict[str, str | float]]:
        """One answer a picture."""
        return self.classifier.classify(batch)

    def batch(self, inputs: list[bytes]) -> list[bytes]:
        """Keep the bytes as they are."""
        return inputs

    def unbatch(self, output: list[dict[str, str | float]]) -> list[dict[str, str | float]]:
        """As above."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(max_batch_size=16, batch_timeout=0.001),
        accelerator="cpu",
        workers_per_device=int(os.environ["BENCH_WORKERS"]),
        fast_queue=True,
    )
    server.run(port=int(os.environ["BENCH_PORT"]), generate_client_file=False, log_level="warning")

"""Ray Serve: one replica a core, dynamic batching.

As https://docs.ray.io/en/latest/serve/advanced-guides/dyn-req-batch.html.
"""

import os
import signal

import ray
from picture import Classifier
from ray import serve
from starlette.requests import Request

WORKERS = int(os.environ["BENCH_WORKERS"])


@serve.deployment(num_replicas=WORKERS, max_ongoing_requests=64, ray_actor_options={"num_cpus": 1})
class Picture:
    """Answers POST / with the picture as the body."""

    def __init__(self) -> None:
        self.classifier = Classifier()

    @serve.batch(max_batch_size=16, batch_wait_timeout_s=0.001)
    async def classify(self, pictures: list[bytes]) -> list[dict[str, str | float]]:
        """One answer a picture."""
        return self.classifier.classify(pictures)

    async def __call__(self, request: Request) -> dict[str, str | float]:
        """One request; Serve makes the batches."""
        return await self.classify(await request.body())


if __name__ == "__main__":
    ray.init(num_cpus=WORKERS + 1, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["BENCH_PORT"])})
    serve.run(Picture.bind())
    signal.sigwait({signal.SIGTERM})
    serve.shutdown()
    ray.shutdown()

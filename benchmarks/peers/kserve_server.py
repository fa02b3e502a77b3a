"""KServe's model server in Python: one process a core, the V1 protocol, without batching.

As https://kserve.github.io/website/docs/model-serving/predictive-inference/frameworks/custom-predictor;
batching is not the server's but a sidecar's in Kubernetes.
"""

import base64
import os
from functools import cached_property
from typing import Any

from kserve import Model, ModelServer
from picture import Classifier


class Picture(Model):
    """Answers {"instances": [{"image": {"b64": …}}]}."""

    def __init__(self) -> None:
        super().__init__("picture")
        self.load()

    @cached_property
    def classifier(self) -> Classifier:
        """Made in each process, which a session cannot be sent to."""
        return Classifier()

    def load(self) -> bool:
        """Nothing before the processes are there."""
        self.ready = True
        return self.ready

    def predict(self, payload: dict[str, Any], *_: object, **__: object) -> dict[str, Any]:
        """One answer an instance."""
        pictures = [base64.b64decode(item["image"]["b64"]) for item in payload["instances"]]
        return {"predictions": self.classifier.classify(pictures)}


if __name__ == "__main__":
    port = int(os.environ["BENCH_PORT"])
    workers = int(os.environ["BENCH_WORKERS"])
    ModelServer(http_port=port, workers=workers, enable_grpc=False).start([Picture()])

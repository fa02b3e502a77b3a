"""BentoML: one worker process a core; its adaptive batching is off.

https://docs.bentoml.com/en/latest/get-started/adaptive-batching.html wants a list in the body
for a batchable endpoint, so one client's file is not batched with another's.
"""

import os
from pathlib import Path

import bentoml
from picture import Classifier


@bentoml.service(workers=int(os.environ["BENCH_WORKERS"]), traffic={"timeout": 60})
class Service:
    """Answers POST /classify with a form; a bare file costs it a JSON schema a request."""

    def __init__(self) -> None:
        self.classifier = Classifier()

    @bentoml.api(route="/classify")
    def classify(self, file: Path) -> dict[str, str | float]:
        """Run in BentoML's thread pool."""
        return self.classifier.classify([file.read_bytes()])[0]

"""MLServer: a custom runtime with adaptive batching, one inference process a core.

As https://docs.seldon.ai/mlserver/user-guide/custom and …/adaptive-batching: the picture comes
base64-coded in a V2 inference request. The settings are written beside it, as MLServer reads
them from files only.
"""

import json
import os
import sys
from pathlib import Path
from tempfile import mkdtemp

from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse
from picture import Classifier


class Runtime(MLModel):
    """One row of the batch is one picture."""

    async def load(self) -> bool:
        """Once in each process."""
        self.classifier = Classifier()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Two outputs, of one row a picture."""
        answers = self.classifier.classify(Base64Codec.decode_input(payload.inputs[0]))
        rows = [json.dumps(answer) for answer in answers]
        return InferenceResponse(
            model_name=self.name, outputs=[StringCodec.encode_output("answer", rows)]
        )


def write_settings(port: int) -> str:
    """Return the folder with the settings of the server and of the model."""
    folder = Path(mkdtemp())
    server: dict[str, object] = {"http_port": port, "grpc_port": port + 1, "metrics_port": port + 2}
    server |= {
        "parallel_workers": int(os.environ["BENCH_WORKERS"]),
        "host": "127.0.0.1",
        "debug": False,
        "metrics_dir": str(folder / "metrics"),
    }
    model: dict[str, object] = {"name": "picture", "implementation": "mlserver_server.Runtime"}
    model |= {"max_batch_size": 16, "max_batch_time": 0.001}
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))
    return str(folder)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    mlserver = str(Path(sys.executable).parent / "mlserver")
    os.execv(mlserver, [mlserver, "start", write_settings(int(os.environ["BENCH_PORT"]))])

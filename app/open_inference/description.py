"""What the protocol says of the server and of its models."""

from collections.abc import Sequence
from typing import Any

from app import __version__
from app.open_inference.datatypes import config_type
from app.open_inference.signature import (
    TensorSignature,
    input_signatures,
    output_signatures,
)
from app.pipeline import ModelInterface

# Only what is complete. `model_repository` would promise loading and unloading by request.
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "parameters",
    "statistics",
)
PLATFORM, BACKEND = "onnxruntime_onnx", "onnxruntime"


def server_metadata() -> dict[str, Any]:
    """Return the name of the server, its version, and the extensions that it has."""
    return {"name": "thalamus", "version": __version__, "extensions": list(EXTENSIONS)}


def model_metadata(pipeline: ModelInterface, versions: Sequence[int]) -> dict[str, Any]:
    """Return the tensors of a model, with the axis of items. versions: those that answer."""
    return {
        "name": pipeline.manifest.name,
        "versions": [str(version) for version in versions],
        "platform": PLATFORM,
        "inputs": [_tensor(each) for each in input_signatures(pipeline)],
        "outputs": [_tensor(each) for each in output_signatures(pipeline)],
    }


def model_config(pipeline: ModelInterface, max_items: int) -> dict[str, Any]:
    """Return Triton's `ModelConfig` of a model in JSON, without the axis of items.

    Every input is optional: a request sends the payloads, or all others. max_items: of a request.
    """
    inputs = [
        {**_config(each), "format": "FORMAT_NONE", "optional": True}
        for each in input_signatures(pipeline)
    ]
    outputs = [{**_config(each), "label_filename": ""} for each in output_signatures(pipeline)]
    return {
        "name": pipeline.manifest.name,
        "platform": PLATFORM,
        "backend": BACKEND,
        "max_batch_size": max_items,
        "input": inputs,
        "output": outputs,
        "dynamic_batching": {},
    }


def _tensor(signature: TensorSignature) -> dict[str, Any]:
    shape = list(signature.shape)
    return {"name": signature.name, "datatype": signature.datatype, "shape": shape}


def _config(signature: TensorSignature) -> dict[str, Any]:
    kind, dims = config_type(signature.datatype), list(signature.shape[1:])
    return {"name": signature.name, "data_type": kind, "dims": dims}

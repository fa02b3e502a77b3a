"""The library `transformers`: a model with the weights of a folder, or with random ones."""

import warnings
from pathlib import Path
from typing import Any

import orjson
from torch import nn

from training.errors import TrainingError

CONFIG, PREPROCESSING = "config.json", "preprocessor_config.json"
_TOGETHER = "processor_config.json"  # holds what goes before the model, and a tokenizer's part
_UNUSED = ("pooler.", "masked_spec_embed")  # weights that no embedding here depends on


def load_model(folder: Path, name: str) -> nn.Module:
    """Return the folder's model with its weights; raise `TrainingError` where some are missing.

    Nothing is downloaded, and of weights only *.safetensors are read.
    """
    from transformers import AutoModel
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    options = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model, found = AutoModel.from_pretrained(folder, **options)
    except Exception as error:  # of many kinds, with paragraphs of advice
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TrainingError(f"--from {name}: cannot be loaded: {reason}") from None
    if missing := [key for key in sorted(found["missing_keys"]) if not key.startswith(_UNUSED)]:
        raise TrainingError(f"--from {name}: the weights lack {missing[0]}")
    return model


def empty_model(model: nn.Module) -> nn.Module:
    """Return a model of the same configuration with random weights."""
    from transformers import AutoModel

    return AutoModel.from_config(model.config)


def load_model_weights(network: nn.Module, model: nn.Module) -> None:
    """Copy all weights of `model` into the backbone `network.model`, which has no head."""
    network.model.load_state_dict(model.state_dict())  # type: ignore[union-attr]


def read_preprocessing(folder: Path, part: str) -> dict[str, Any]:
    """Return what a folder says of its preprocessing; raise `TrainingError` where it says nothing.

    part: `feature_extractor` or `image_processor`, as a processor that was saved whole names it.
    """
    if not (folder / PREPROCESSING).exists() and (folder / _TOGETHER).exists():
        found = read_json(folder / _TOGETHER).get(part)
        if isinstance(found, dict):
            return found
    return read_json(folder / PREPROCESSING)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; raise `TrainingError` naming it where there is none."""
    try:
        value = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise TrainingError(f"{path} is missing") from None
    except orjson.JSONDecodeError:
        raise TrainingError(f"{path} is not JSON") from None
    if not isinstance(value, dict):
        raise TrainingError(f"{path} is not a JSON object")
    return value

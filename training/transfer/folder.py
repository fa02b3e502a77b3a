"""A folder of the library `transformers` (config.json, *.safetensors) as a trained network.

The resizing in preprocessor_config.json becomes an `ImageSpec`; its normalisation goes into the
graph. The tokenizer.json of a text model goes into the bundle. So serving does not need the
library. `training.transfer.audio` does the same for audio models.
"""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import Tokenizer
from torch import nn

from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from training.errors import TrainingError
from training.networks.audio.backbone import SOUNDS
from training.networks.backbones.image import (
    PICTURE_POOLS,
    TEXTS,
    PictureBackbone,
    Pixels,
    TextBackbone,
)
from training.transfer.audio import sounds_from
from training.transfer.trained_network import TrainedNetwork
from training.transfer.transformers_library import (
    CONFIG,
    PREPROCESSING,
    empty_model,
    load_model,
    load_model_weights,
    read_json,
    read_preprocessing,
)

TOKENIZER = "tokenizer.json"
MOST_TOKENS = 256  # of a text, even where the backbone could read more
_BILINEAR = 2  # PIL's number; every other filter is taken for bicubic


def network_from_folder(folder: Path, name: str | None = None) -> TrainedNetwork:
    """Return the backbone of a folder; raise `TrainingError` naming what is missing."""
    name = name or folder.resolve().name
    kind = read_json(folder / CONFIG).get("model_type")
    if kind not in (known := (*PICTURE_POOLS, *TEXTS, *SOUNDS)):
        raise TrainingError(
            f"--from {name}: the architecture {kind!r} is not known; {', '.join(known)} are"
        )
    if not any(folder.glob("*.safetensors")):
        raise TrainingError(f"--from {name}: the folder holds no *.safetensors")
    if kind in SOUNDS:
        return sounds_from(folder, name, kind)
    return _pictures(folder, name) if kind in PICTURE_POOLS else _texts(folder, name)


def _pictures(folder: Path, name: str) -> TrainedNetwork:
    steps = read_preprocessing(folder, "image_processor")
    spec, pixels = image_spec(steps, name), _pixels(steps)
    model = load_model(folder, name)

    def build(labels: int) -> nn.Module:
        empty = empty_model(model)
        with torch.no_grad():
            picture = torch.zeros(1, 3, spec.height, spec.width)
            state = empty.eval()(pixel_values=picture).last_hidden_state
        size = state.shape[1] if state.ndim == 4 else state.shape[2]
        return PictureBackbone(empty, pixels, size=size, classes=labels)

    return TrainedNetwork(name, spec, build, partial(load_model_weights, model=model))


def _texts(folder: Path, name: str) -> TrainedNetwork:
    tokenizer = _tokenizer(folder / TOKENIZER)
    ends = tokenizer.encode("").ids  # the opening and the closing token
    if len(ends) != 2:
        raise TrainingError(f"--from {name}: {TOKENIZER} puts no opening and closing token")
    model = load_model(folder, name)
    config: Any = model.config
    reads = config.max_position_embeddings - config.pad_token_id - 1 - len(ends)
    spec = TextSpec(max_tokens=min(MOST_TOKENS, reads))

    def build(labels: int) -> nn.Module:
        return TextBackbone(
            empty_model(model),
            opening=ends[0],
            closing=ends[1],
            padding=config.pad_token_id,
            classes=labels,
        )

    files = {spec.tokenizer: tokenizer.to_str().encode()}
    return TrainedNetwork(name, spec, build, partial(load_model_weights, model=model), files)


def image_spec(steps: dict[str, Any], name: str = "") -> ImageSpec:
    """Return the spec that does what a preprocessor_config.json describes.

    A shortest edge and a centre crop become `crop`, a fixed size becomes `stretch`. Raises
    `TrainingError` where the file says no size.
    """
    size, crop = _size(steps.get("size")), _size(steps.get("crop_size"))
    resample: Literal["bilinear", "bicubic"] = (
        "bilinear" if steps.get("resample", _BILINEAR) == _BILINEAR else "bicubic"
    )
    edge = size.get("shortest_edge")
    if steps.get("do_center_crop") and crop:
        height, width = crop["height"], crop["width"]
        fraction = min(1.0, min(height, width) / (edge or min(size.values(), default=height)))
        fit: Literal["crop", "stretch"] = "crop"
    elif edge:  # ConvNeXt: resized to 1 / crop_pct of the size, then cropped
        height = width = edge
        fraction, fit = (steps.get("crop_pct") or 224 / 256 if edge < 384 else 1.0), "crop"
    elif "height" in size and "width" in size:
        height, width, fraction, fit = size["height"], size["width"], 1.0, "stretch"
    else:
        raise TrainingError(f"--from {name}: {PREPROCESSING} says no size")
    return ImageSpec(height=height, width=width, fit=fit, crop_fraction=fraction, resample=resample)


def _size(value: int | dict[str, int] | None) -> dict[str, int]:
    """Return a size as newer files write it; older files have one number for a square."""
    return {"height": value, "width": value} if isinstance(value, int) else dict(value or {})


def _pixels(steps: dict[str, Any]) -> Pixels:
    scale = steps.get("rescale_factor", 1 / 255) if steps.get("do_rescale", True) else 1.0
    plain = not steps.get("do_normalize", True)
    mean = (0.0,) * 3 if plain else tuple(steps.get("image_mean", (0.5,) * 3))
    std = (1.0,) * 3 if plain else tuple(steps.get("image_std", (0.5,) * 3))
    return Pixels(scale, mean, std, bool(steps.get("do_flip_channel_order", False)))


def _tokenizer(path: Path) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the Rust library raises nothing more specific
        raise TrainingError(f"{path.name} is missing or not a tokenizer") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer

"""The part of a manifest that describes how images are encoded."""

from typing import ClassVar, Literal

from pydantic import Field

from app.bundle.manifest import EncoderSpec
from app.bundle.tensors import TensorSpec


class ImageSpec(EncoderSpec):
    """How an image file becomes one tensor.

    `fit` says how the picture meets the size: `crop` takes the central square-ish part
    that covers `crop_fraction` of the shorter side, `pad` shows all of it on black,
    `stretch` ignores the aspect ratio. With `dtype` float32 the pixel values become
    `(x / 255 - mean) / std` per channel; with uint8 the graph does that itself.
    """

    modality: ClassVar[str] = "image"

    kind: Literal["image"] = "image"
    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    channels: Literal[1, 3] = 3
    fit: Literal["crop", "pad", "stretch"] = "crop"
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    resample: Literal["bilinear", "bicubic"] = "bicubic"
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    channel_order: Literal["RGB", "BGR"] = "RGB"
    dtype: Literal["uint8", "float32"] = "uint8"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the tensors that the encoder makes of one image."""
        size: tuple[int, ...] = (self.height, self.width)
        size = (*size, self.channels) if self.layout == "NHWC" else (self.channels, *size)
        return (TensorSpec(name="image", dtype=self.dtype, shape=("batch", *size)),)

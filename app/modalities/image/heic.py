"""The decoder of HEIC pictures, if the extra `thalamus[media]` is installed."""

import io
from importlib.util import find_spec
from typing import Any

ADVICE = "install thalamus[media], or convert it to JPEG or AVIF"


def has_heic() -> bool:
    """Return whether the extra is installed, without loading it."""
    return find_spec("pi_heif") is not None


def open_heic(data: bytes) -> Any:
    """Open a file as Pillow's classes do; the picture is upright once it is loaded."""
    import pi_heif
    from pi_heif.as_plugin import HeifImageFile

    pi_heif.options.DECODE_THREADS = 1  # a batch has its threads already
    pi_heif.options.THUMBNAILS = False
    pi_heif.options.DEPTH_IMAGES = False
    pi_heif.options.AUX_IMAGES = False
    return HeifImageFile(io.BytesIO(data))

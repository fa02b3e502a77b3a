"""Items: what a caller has → the bytes that are sent.

A `str` is a text, never the name of a file; a file is a `Path`. Bytes are the content of a file,
whose kind the service finds out. Pillow images and NumPy arrays (uint8, rows × columns, or with 1,
3 or 4 channels) are sent as PNG. Neither library is imported here.
"""

import io
import os
import struct
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

if TYPE_CHECKING:
    import numpy
    from PIL import Image

_ANY_KIND = "application/octet-stream"
_PNG_MODES = ("1", "L", "LA", "I", "I;16", "P", "RGB", "RGBA")
_COLOUR_TYPES = {1: 0, 3: 2, 4: 6}  # of PNG, by the number of channels


@dataclass(frozen=True, slots=True)
class File:
    """The content of a file; media_type: as the service shall read it."""

    data: bytes
    media_type: str = _ANY_KIND


Item = Union[str, bytes, File, "os.PathLike[str]", "Image.Image", "numpy.ndarray[Any, Any]"]
Items = Item | Sequence[Item]


def files_of(items: Items) -> list[File]:
    """Return what to send for one item, or for each of a list or tuple of items.

    Raises `TypeError` for what is no item, `ValueError` for an empty list or an array that is no
    picture, `OSError` for a file that cannot be read.
    """
    several = items if isinstance(items, list | tuple) else [items]
    if not several:
        raise ValueError("expected at least one item")
    return [_file(item) for item in several]


def multipart(files: Iterable[File]) -> list[tuple[str, tuple[str, bytes, str]]]:
    """Return the parts of a form with several files, for httpx."""
    return [("file", (str(place), file.data, file.media_type)) for place, file in enumerate(files)]


def _file(item: Any) -> File:
    if isinstance(item, File):
        return item
    if isinstance(item, str):
        return File(item.encode(), "text/plain; charset=utf-8")
    if isinstance(item, bytes | bytearray | memoryview):
        return File(bytes(item))
    if isinstance(item, os.PathLike):
        return File(Path(item).read_bytes())
    if _is_instance(item, "PIL.Image", "Image"):
        return File(_saved(item), "image/png")
    if _is_instance(item, "numpy", "ndarray"):
        return File(_png(item), "image/png")
    raise TypeError(
        "expected a text, a Path, bytes, a File, a Pillow image or a NumPy array, "
        f"got {type(item).__name__}"
    )


def _is_instance(item: Any, module: str, name: str) -> bool:
    """Return whether it is of a class of a module; of one that nobody has imported it is not."""
    kind = getattr(sys.modules.get(module), name, None)
    return kind is not None and isinstance(item, kind)


def _saved(image: "Image.Image") -> bytes:
    file = io.BytesIO()
    (image if image.mode in _PNG_MODES else image.convert("RGB")).save(file, "PNG")
    return file.getvalue()


def _png(array: Any) -> bytes:
    """Return the PNG file of uint8 (rows, columns) or (rows, columns, 1, 3 or 4)."""
    shape = array.shape if array.ndim == 3 else (*array.shape, 1)
    if str(array.dtype) != "uint8" or len(shape) != 3 or shape[2] not in _COLOUR_TYPES:
        raise ValueError(
            "expected a picture as uint8 of (rows, columns) or (rows, columns, 1, 3 or 4), "
            f"got {array.dtype} of {array.shape}"
        )
    rows, columns, channels = shape
    if not rows or not columns:
        raise ValueError("expected a picture with at least one pixel")
    flat = array.reshape(rows, columns * channels)
    lines = b"".join(b"\0" + flat[row].tobytes() for row in range(rows))  # 0: no filter
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 1)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

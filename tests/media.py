"""Small files for requests: pictures, sounds, forms."""

import base64
import io
import struct
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

RATE = 8000


def picture(
    size: tuple[int, int] = (12, 10),
    colour: tuple[int, ...] = (200, 30, 40),
    mode: str = "RGB",
    encode: tuple[str, ...] = ("PNG",),
    **options,
) -> bytes:
    """Return an image file of one colour."""
    return saved(
        Image.new(mode, size, colour if len(colour) > 1 else colour[0]), encode[0], **options
    )


def write_pictures(folder: Path, count: int, bad: int) -> Path:
    """Write so many pictures of different colours, by number; one of them is no picture."""
    folder.mkdir()
    step, digits = 240 // count, len(str(count - 1))
    for number in range(count):
        made = picture(colour=(step * number, 10, 240 - step * number))
        (folder / f"{number:0{digits}}.png").write_bytes(made if number != bad else b"no picture")
    return folder


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return the file of a Pillow image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(width: int = 24, height: int = 16) -> Image.Image:
    """Return a picture without symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def b64(data: bytes) -> dict[str, str]:
    """Return an instance of a JSON body."""
    return {"b64": base64.b64encode(data).decode()}


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE, loudness: float = 0.5) -> np.ndarray:
    """Return a sine wave."""
    return loudness * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def sound(
    signal: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    """Return a sound file."""
    file = io.BytesIO()
    soundfile.write(file, signal, rate, subtype, format=kind)
    return file.getvalue()


def wav(  # noqa: PLR0913
    data: bytes = b"\0\0" * 800,
    kind: int = 1,
    channels: int = 1,
    rate: int = RATE,
    block: int = 2,
    bits: int = 16,
    extra: bytes = b"",
    size: int | None = None,
) -> bytes:
    """Return a WAV file with any header, even a wrong one."""
    form = (
        struct.pack("<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits) + extra
    )
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(chunks) if size is None else size) + chunks


def multipart(
    *parts: tuple[str, bytes, str | None], boundary: str = "frontier"
) -> tuple[bytes, str]:
    """Return the body and the Content-Type of (name, data, media type) parts."""
    body = b""
    for name, data, media_type in parts:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        if media_type:
            body += f"Content-Type: {media_type}\r\n".encode()
        body += b"\r\n" + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"

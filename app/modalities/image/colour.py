"""Colour profiles: the pixels of a picture → the same colours in sRGB, as browsers show them.

A profile that is damaged, or for another number of channels than the picture has, is ignored. A
profile that changes no colour by more than `_SAME` levels is sRGB, which is found out once for each
profile and costs a digest of its bytes afterwards.
"""

import hashlib
import io
import struct
import threading
from collections import OrderedDict

import numpy as np
from PIL import Image, ImageCms

from app.exhaustion import resource_exhausted

_SAME = 2  # levels of 255; a resized picture differs by more from one library to the next
_KEPT = 12  # transforms, of at most about 2 MB each
_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_CLASSES = {b"mntr", b"scnr", b"prtr", b"spac"}  # that describe how the pixels are to be seen
_HEAD = 132
_D65, _SRGB = (0.3127, 0.329), ((0.64, 0.33), (0.3, 0.6), (0.15, 0.06))
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50 = np.array([0.9642, 1.0, 0.8249])
_NEAR = 1e-3  # of coordinates of colours


class Colours:
    """What turns the colours of a profile into sRGB. space: `L`, `RGB` or `CMYK`."""

    def __init__(self, profile: bytes, space: str) -> None:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        self.space = space
        self._transform = ImageCms.buildTransform(source, target, space, "RGB")

    def converted(self, image: Image.Image) -> Image.Image:
        """Return the picture in RGB, or in RGBA if it has transparency."""
        alpha = None
        if image.has_transparency_data:
            image = image.convert("RGBA")
            alpha = image.getchannel("A")
        if image.mode != self.space:
            image = image.convert(self.space)
        made = ImageCms.applyTransform(image, self._transform)
        assert made is not None  # only where it is done in place
        if alpha is not None:
            made.putalpha(alpha)
        return made

    def changes(self) -> bool:
        """Return whether some colours become visibly different ones."""
        if self.space == "CMYK":
            return True
        levels = np.linspace(0, 255, 256 if self.space == "L" else 9).round().astype(np.uint8)
        before: np.ndarray
        if self.space == "L":
            before = levels.reshape(1, -1)
        else:
            before = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        after = np.asarray(self.converted(Image.fromarray(before))).astype(int)
        return bool(np.abs(after - before.reshape(1, len(before[0]), -1)).max() > _SAME)


_known: OrderedDict[bytes, Colours | None] = OrderedDict()
_lock = threading.Lock()


def colours_of(profile: bytes, mode: str) -> Colours | None:
    """Return what to apply to a picture of a mode of Pillow's; None for nothing."""
    space = _SPACES.get(profile[16:20])
    if space is None or space != _space_of(mode) or not _is_plausible(profile):
        return None
    digest = hashlib.blake2b(profile, digest_size=16).digest()
    with _lock:
        if digest in _known:
            _known.move_to_end(digest)
            return _known[digest]
    colours = _made(profile, space)
    with _lock:
        _known[digest] = colours
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    return colours


def _is_plausible(profile: bytes) -> bool:
    size = int.from_bytes(profile[:4], "big")
    known = profile[36:40] == b"acsp" and profile[12:16] in _CLASSES
    return known and _HEAD <= size <= len(profile)


def _made(profile: bytes, space: str) -> Colours | None:
    try:
        colours = Colours(profile, space)
        return colours if colours.changes() else None
    except Exception as error:  # the library's error for a damaged profile, of several types
        if resource_exhausted(error):
            raise
        return None


def _space_of(mode: str) -> str:
    """Return which profiles fit a mode: palettes are of RGB, and transparency is no colour."""
    if mode in ("1", "L", "LA", "La") or mode.startswith("I;16"):
        return "L"
    return "CMYK" if mode == "CMYK" else "RGB"


def profile_of_chunks(gamma: bytes, primaries: bytes) -> bytes:
    """Return a profile of a PNG's chunks gAMA and cHRM; empty if they say sRGB, or nonsense."""
    if len(gamma) != 4 or len(primaries) != 32:
        return b""
    power = int.from_bytes(gamma, "big") / 100_000
    points = np.array(struct.unpack(">8I", primaries)).reshape(4, 2) / 100_000
    known = np.array([_D65, *_SRGB])
    if not 0.05 < power < 5 or not points.all():
        return b""
    if abs(power * 2.2 - 1) < 0.02 and np.abs(points - known).max() < _NEAR:
        return b""
    white, *colours = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in points)
    try:
        matrix = np.stack(colours, axis=1)
        matrix = matrix * np.linalg.solve(matrix, white)
        cones = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
        matrix = np.linalg.solve(_BRADFORD, cones @ _BRADFORD @ matrix)
    except np.linalg.LinAlgError:
        return b""
    return _profile(matrix, 1 / power) if np.abs(matrix).max() < 8 else b""


def _profile(matrix: np.ndarray, power: float) -> bytes:
    """Return an ICC profile of version 2: columns of red, green and blue in XYZ under D50."""
    numbers = [_D50, *matrix.T]
    bodies = [b"XYZ \0\0\0\0" + _fixed(*values) for values in numbers]
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 1, min(round(power * 256), 65_535), 0)
    names = (b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    start = 128 + 4 + 12 * len(names)
    places = [start + 20 * number for number in range(5)]
    entries = [(places[n], 20) for n in range(4)] + [(places[4], 14)] * 3
    table = b"".join(
        name + struct.pack(">II", *entry) for name, entry in zip(names, entries, strict=True)
    )
    size = start + 96
    head = struct.pack(">I4sI4s4s4s", size, b"\0" * 4, 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + _fixed(*_D50) + b"\0" * 48
    return head + struct.pack(">I", len(names)) + table + b"".join(bodies) + curve


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))

"""TIFF files: every byte order and size of offsets, what is refused by name, pages and channels."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from tests import media, pictures

ENCODER = encoder_for(ImageSpec(height=20, width=24, fit="pad", resample="bilinear"), {})
DEFLATE, LZW = 8, 5


def encoded(data: bytes) -> Encoded:
    return ENCODER.encode(Payload(data, "image/tiff"))


def seen(data: bytes) -> np.ndarray:
    return encoded(data).arrays["image"]


def refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=f"expected a TIFF .*{message}.*; (convert|save)"):
        seen(data)


def noise(channels: int, dtype: type = np.uint8, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    shape = (17, 22) if channels == 1 else (17, 22, channels)
    return random.integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", [{}, {"rows": 3}, {"tile": 16}, {"apart": True}])
@pytest.mark.parametrize(
    ("photometric", "pixels"),
    [
        (1, noise(1)),
        (1, noise(1, np.uint16)),
        (0, noise(1)),
        (0, noise(1, np.uint16)),
        (2, noise(3)),
        (5, noise(4)),
    ],
    ids=["gray", "deep gray", "white is zero", "deep, white is zero", "RGB", "CMYK"],
)
def test_a_large_tiff_is_the_same_picture(
    photometric: int, pixels: np.ndarray, layout: dict, order: str
) -> None:
    if layout.get("apart") and pixels.ndim == 2:
        pytest.skip("one plane")
    plain = pictures.tiff(pixels, photometric, **layout)
    more = {274: (3, [1])}
    large = pictures.tiff(pixels, photometric, order=order, big=True, more=more, **layout)
    assert np.array_equal(seen(large), seen(plain))


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_turned_and_compressed_tiff_of_every_kind(order: str, big: bool) -> None:
    scene = media.scene(22, 17)
    stored = np.asarray(pictures.as_stored(scene, 6))
    tags = {256: (4, [17]), 257: (4, [22]), 258: (3, [8, 8, 8]), 259: (3, [DEFLATE])}
    tags |= {262: (3, [2]), 277: (3, [3]), 278: (4, [22]), 274: (3, [6])}
    data = pictures.assembled(tags, [zlib.compress(stored.tobytes())], order, big=big)
    assert np.array_equal(seen(data), seen(media.saved(scene)))


def packed(values: np.ndarray, bits: int) -> bytes:
    """Return rows of numbers of so many bits, the highest bit first, each padded to a byte."""
    digits = (values[..., np.newaxis] >> np.arange(bits)[::-1] & 1).astype(np.uint8)
    return np.packbits(digits.reshape(len(values), -1), axis=1).tobytes()


def small_samples(
    values: np.ndarray,
    bits: int,
    photometric: int,
    order: str = "<",
    compression: int = 1,
    big: bool = False,
) -> bytes:
    height, width, samples = values.reshape(*values.shape[:2], -1).shape
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * samples)}
    tags |= {259: (3, [compression]), 262: (3, [photometric]), 277: (3, [samples])}
    tags[278] = (4, [height])
    pixels = packed(values, bits)
    pixels = zlib.compress(pixels) if compression == DEFLATE else pixels
    return pictures.assembled(tags, [pixels], order, big=big)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [1, DEFLATE])
def test_gray_of_12_bits(compression: int, order: str, big: bool) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (17, 22))
    data = small_samples(values, 12, 1, order, compression, big)
    levels = np.round(values.astype(np.float32) * np.float32(255 / 4095)).astype(np.uint8)
    assert np.array_equal(seen(data), seen(media.saved(Image.fromarray(levels))))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 12])
def test_rgb_of_few_bits_is_refused_by_name(bits: int, order: str) -> None:
    values = np.random.default_rng(0).integers(0, 2**bits, (6, 8, 3))
    refused(small_samples(values, bits, 2, order), f"got RGB of 3 samples of {bits} bits")


def test_other_samples_are_refused_by_name() -> None:
    deep, shallow = noise(5, np.uint16), noise(6)
    refused(pictures.tiff(deep, 5, extra=[0]), "CMYK of 5 samples of 16 bits, 1 of them further")
    refused(pictures.tiff(shallow, 1, extra=[0, 0, 0, 0, 0]), "gray of 6 samples of 8 bits")
    refused(pictures.tiff(noise(3), 77), "colours of the unknown kind 77")
    refused(pictures.tiff(noise(1), 32803), "camera's raw")
    for number, name in ((33005, "JPEG 2000"), (34887, "LERC"), (50002, "JPEG XL")):
        refused(pictures.tiff(noise(3), 2, more={259: (3, [number])}), f"got {name}")


def ycbcr(
    pixels: np.ndarray, compression: int, more: dict | None = None, apart: bool = False
) -> bytes:
    height, width, _ = pixels.shape
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8] * 3), 259: (3, [compression])}
    tags |= {262: (3, [6]), 277: (3, [3]), 278: (4, [height]), 284: (3, [2 if apart else 1])}
    planes = [pixels[..., n] for n in range(3)] if apart else [pixels]
    parts = [np.ascontiguousarray(plane).tobytes() for plane in planes]
    if compression == DEFLATE:
        parts = [zlib.compress(part) for part in parts]
    return pictures.assembled(tags | ({530: (3, [1, 1])} if more is None else more), parts)


@pytest.mark.parametrize("compression", [1, DEFLATE])
@pytest.mark.parametrize("apart", [False, True])
def test_luma_and_chroma_are_the_same_colours_however_they_are_stored(
    compression: int, apart: bool
) -> None:
    scene = media.scene(22, 17).convert("YCbCr")
    expected = seen(media.saved(scene.convert("RGB")))
    assert np.array_equal(seen(ycbcr(np.asarray(scene), compression, apart=apart)), expected)
    full = {530: (3, [1, 1]), 532: (5, [0, 1, 255, 1, 128, 1, 255, 1, 128, 1, 255, 1])}
    assert np.array_equal(seen(ycbcr(np.asarray(scene), compression, full, apart)), expected)
    assert np.array_equal(seen(media.saved(scene, "TIFF")), expected)
    assert np.array_equal(seen(media.saved(scene, "TIFF", compression="tiff_lzw")), expected)


@pytest.mark.parametrize("compression", [1, DEFLATE])
def test_luma_and_chroma_that_would_be_misread_are_refused(compression: int) -> None:
    pixels = np.asarray(media.scene(22, 17).convert("YCbCr"))
    refused(ycbcr(pixels, compression, {}), "fewer samples of chroma")
    refused(ycbcr(pixels, compression, {530: (3, [2, 1])}), "fewer samples of chroma")
    limited = {530: (3, [1, 1]), 532: (5, [16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1])}
    refused(ycbcr(pixels, compression, limited), "a limited range")


def chain(count: int, back_to: int | None = None) -> bytes:
    """Return a TIFF of so many directories; the last one points to one of them, or to none."""
    page = pictures.tiff(np.zeros((4, 4), np.uint8), 1)
    size = struct.unpack_from("<H", page, 8)[0]
    length = 2 + 12 * size + 4
    starts = [8, *(len(page) + length * n for n in range(count - 1))]
    following = [*starts[1:], 0 if back_to is None else starts[back_to]]
    body = page[8 : 8 + length - 4]
    more = b"".join(body + struct.pack("<I", place) for place in following[1:])
    return page[: 8 + length - 4] + struct.pack("<I", following[0]) + page[8 + length :] + more


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (chain(1), None),
        (chain(1, back_to=0), None),
        (chain(2), "only the first of 2 pages was read"),
        (chain(3, back_to=1), "only the first of 3 pages was read"),
        (chain(1000), "only the first of 1000 pages was read"),
        (chain(1001), "only the first of 1,000 or more pages was read"),
    ],
    ids=["one", "itself", "two", "a ring", "1,000", "1,001"],
)
def test_pages_are_counted_once(data: bytes, said: str | None) -> None:
    assert encoded(data).truncated == said


def test_channels_and_pages_are_both_said() -> None:
    one = pictures.tiff(noise(4), 2, extra=[0])
    assert encoded(one).truncated == "1 channel beside the colours was not read"
    two = pictures.tiff(noise(5), 2, extra=[0, 0])
    assert encoded(two).truncated == "2 channels beside the colours were not read"
    behind = pictures.tiff(noise(5), 2, extra=[2, 0])
    assert encoded(behind).truncated == "1 channel beside the colours was not read"

"""Hostile files: every decoder keeps its limits of time and memory, and refuses damage by name."""

import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image import jpeg, png
from app.modalities.image.spec import ImageSpec
from tests import headers, media, pictures

ENCODER = encoder_for(ImageSpec(height=16, width=16), {})
KINDS = {
    "PNG": {},
    "JPEG": {"quality": 90},
    "WEBP": {"lossless": True},
    "GIF": {},
    "BMP": {},
    "TIFF": {"compression": "tiff_lzw"},
    "AVIF": {"speed": 10},
}


def encode(data: bytes) -> np.ndarray:
    return ENCODER.encode(Payload(data, "image/x")).arrays["image"]


def refused(data: bytes, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        encode(data)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(kind: str) -> None:
    """Never another error: that would be the service's fault."""
    random = np.random.default_rng(len(kind))
    profile = {} if kind in ("GIF", "BMP") else {"icc_profile": b"\0" * 200}
    data = media.saved(media.scene(), kind, **KINDS[kind], **profile)
    for _ in range(60):
        rotten = bytearray(data)
        for place in random.integers(0, min(len(data), random.choice([60, 400, 9000])), 4):
            rotten[place] = random.integers(256)
        if random.random() < 0.3:
            del rotten[random.integers(len(rotten)) :]
        try:
            assert encode(bytes(rotten)).shape == (16, 16, 3)
            assert ENCODER.decode_bytes(Payload(bytes(rotten), "image/x")) > 0
        except InvalidInput:
            continue


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
@pytest.mark.parametrize("options", [{}, {"exif": b"Exif\0\0" + pictures.exif(6)}])
def test_the_limit_of_scans_holds_whatever_else_is_in_the_file(kind: str, options: dict) -> None:
    data = media.saved(media.scene(), kind, progressive=True, **options)
    end = data.index(b"\xff\xd9", data.index(b"\xff\xda"))
    last = data[data.rindex(b"\xff\xda", 0, end) : end]
    many = data[:end] + last * jpeg.MAX_SCANS + data[end:]
    assert jpeg.scans(many) > jpeg.MAX_SCANS
    refused(many, "scans")


def test_large_pictures_may_have_fewer_scans() -> None:
    scan = b"\xff\xda\0\2"
    data = b"\xff\xd8" + scan * 30
    assert not jpeg.too_many_scans(data, 10**6)
    assert jpeg.too_many_scans(data, 64 * 10**6)


def test_more_strips_than_the_picture_has_are_refused() -> None:
    """Each would cost the decoder an object: 8 MB of them took minutes and 500 MB."""
    pixels = np.zeros((8, 8), np.uint8)
    refused(pictures.tiff(pixels, 1, more={325: (4, [0] * 9), 324: (4, [8] * 9)}), "strips")
    refused(pictures.tiff(pixels, 1, rows=4, more={257: (4, [32])}), "where the picture has 8")
    many = pictures.tiff(np.zeros((20_001, 1), np.uint8), 1, rows=1)
    refused(many, "at most 20000 strips")
    assert encode(pictures.tiff(np.full((900, 3), 9, np.uint8), 1, rows=1)).min() == 9


def test_chunks_blocks_and_segments_have_limits() -> None:
    small = media.saved(media.scene())
    refused(pictures.with_chunks(small, pictures.chunk(b"tEXt", b"a\0b") * 50_001), "chunks")
    gif = media.saved(media.scene().quantize(8), "GIF")
    start = 13 + (3 << (gif[10] & 7) + 1)
    refused(gif[:start] + b"!\xfe" + b"\1a" * 200_001 + b"\0" + gif[start:], "fewer blocks")
    comment = gif[:start] + b"!\xfe" + b"\1a" * 2000 + b"\0" + gif[start:]
    assert np.array_equal(encode(comment), encode(gif))
    plain = media.saved(media.scene(), "JPEG")
    many = plain[:2] + pictures.segment(0xFE, b"") * 2000 + plain[2:]
    assert np.array_equal(encode(many), encode(plain))


def test_a_profile_is_inflated_to_what_it_states_and_no_further() -> None:
    bomb = struct.pack(">I", 400) + b"\0" * 2**25
    data = pictures.with_chunks(
        media.saved(media.scene()), pictures.chunk(b"iCCP", b"x\0\0" + zlib.compress(bomb))
    )
    assert png.profile_size(data) == 400
    tracemalloc.start()
    try:
        assert len(png.read_chunks(data).profile) == 400
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    long = struct.pack(">I", 2**31) + b"\0" * 9
    chunk = pictures.chunk(b"iCCP", b"x\0\0" + zlib.compress(long))
    large = pictures.with_chunks(media.saved(media.scene()), chunk)
    assert ENCODER.decode_bytes(Payload(large, "image/png")) > 4 * png.MAX_PROFILE
    assert ENCODER.cost(Payload(large, "image/png")) > 5e-3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("far", [2**63, 2**64 - 1, 2**62])
def test_offsets_beyond_all_files_are_damage(order: str, far: int) -> None:
    data = bytearray(headers.tiff(9, 9, order=order, big=True))
    data[8:16] = struct.pack(order + "Q", far)
    assert ENCODER.decode_bytes(Payload(bytes(data), "image/tiff")) == 0
    refused(bytes(data), "the TIFF image is truncated or damaged")


def test_hostile_bytes_are_read_in_linear_time() -> None:
    many, small = 200_000, media.saved(media.scene(), "AVIF", speed=10)
    for start in (b" ", b"<?xml", b"<svg ", b"P5 "):
        refused(start * many, "expected a JPEG")
    sizes = struct.pack(">I4s", 8 + 16 * many, b"meta") + b"ispe\0\0\0\0\0\0\0\1\0\0\0\1" * many
    refused(small[: small.index(b"meta") - 4] + sizes, "megapixels")
    plain = media.saved(media.scene(), "JPEG", progressive=True)
    name = b"http://ns.adobe.com/xap/1.0/\0"
    xmp = pictures.segment(0xE1, name + b'tiff:Orientation="' * 3000)
    assert np.array_equal(encode(pictures.with_segments(plain, xmp)), encode(plain))
    refused(plain[:-2] + b"\xff\xda\0\2" * many + b"\xff\xd9", "scans")


@pytest.mark.slow
def test_a_jpeg_of_108_megapixels_is_read_at_an_eighth() -> None:
    large = media.saved(Image.new("RGB", (12_000, 9_000), "red"), "JPEG")
    assert np.abs(encode(large).astype(int) - (255, 0, 0)).max() < 3
    assert ENCODER.decode_bytes(Payload(large, "image/jpeg")) < 64 * 2**20


def test_limits_of_pixels() -> None:
    refused(headers.jpeg(12_000, 9_000, progressive=True), "megapixels")
    refused(headers.jpeg(30_000, 30_000), "megapixels")
    with pytest.raises(InvalidInput, match="megapixels"):  # no fraction of it is large enough
        spec = ImageSpec(height=4096, width=4096)
        encoder_for(spec, {}).encode(Payload(headers.jpeg(12_000, 9_000), "image/jpeg"))
    small = media.saved(media.scene(), "AVIF", speed=10)
    place = small.index(b"ispe") + 8
    refused(small[:place] + struct.pack(">II", 9000, 9000) + small[place + 8 :], "megapixels")

"""JPEG files with odd segments, and of kinds that are not read."""

from pathlib import Path

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image import jpeg
from app.modalities.image.spec import ImageSpec
from tests import headers, media, pictures

ENCODER = encoder_for(ImageSpec(height=16, width=16), {})
FORMS = {"plain": {}, "progressive": {"progressive": True}}


def encode(data: bytes) -> np.ndarray:
    return ENCODER.encode(Payload(data, "image/jpeg")).arrays["image"]


def refused(data: bytes, message: str) -> None:
    assert ENCODER.decode_bytes(Payload(data, "image/jpeg")) < 2**24
    with pytest.raises(InvalidInput, match=message):
        encode(data)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "before",
    [
        pictures.segment(0xFE, b"") * 1000,
        pictures.segment(0xEF, b"remark") * 3000,
        b"\xff" * 1000,
        b"\xff" * 3_000_000,
        (b"\xff" * 999 + pictures.segment(0xFE, b"x")) * 9,
    ],
    ids=["1,000", "3,000", "fill", "much fill", "fill between"],
)
def test_segments_and_fill_before_the_picture_change_nothing(before: bytes, form: str) -> None:
    plain = media.saved(media.scene(), "JPEG", **FORMS[form])
    data = plain[:2] + before + plain[2:]
    assert np.array_equal(encode(data), encode(plain))
    stated = ENCODER.decode_bytes(Payload(data, "image/jpeg"))
    assert stated - ENCODER.decode_bytes(Payload(plain, "image/jpeg")) == 2 * len(before)


@pytest.mark.parametrize("form", FORMS)
def test_too_many_segments_are_refused_by_name(form: str) -> None:
    plain = media.saved(media.scene(), "JPEG", **FORMS[form])
    said = "expected a JPEG of at most 4,000 segments .*, got more; save it anew"
    many = pictures.segment(0xFE, b"") * (jpeg.MAX_SEGMENTS + 1)
    refused(plain[:2] + many + plain[2:], said)
    scan = plain.index(b"\xff\xda")
    refused(plain[:scan] + many + plain[scan:], said)
    end = plain.rindex(b"\xff\xd9")
    late = plain[:end] + pictures.segment(0xDA, b"\1\1\0\0\0\0") * 110 + many * 2 + plain[end:]
    refused(late, f"{said}|scans")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("length", [0, 1])
def test_a_segment_without_length_is_damage(length: int, form: str) -> None:
    plain = media.saved(media.scene(), "JPEG", **FORMS[form])
    for place in (2, plain.index(b"\xff\xda")):
        for marker in (0xFE, 0xE1, 0xDB):
            data = plain[:place] + bytes((0xFF, marker, 0, length)) + plain[place:]
            refused(data, "the JPEG image is truncated or damaged; send")


@pytest.mark.parametrize("name", ["arithmetic", "arithmetic-progressive"])
def test_arithmetic_coding_gives_the_same_picture(name: str) -> None:
    """The files are `media.scene(48, 32)` as a JPEG, coded anew by jpegtran."""
    data = (Path(__file__).parent / "jpeg" / f"{name}.jpg").read_bytes()
    assert data.count(b"\xff\xc9") + data.count(b"\xff\xca") == 1
    assert np.array_equal(encode(data), encode(media.saved(media.scene(48, 32), "JPEG")))


@pytest.mark.parametrize(
    ("marker", "said"),
    [(0xC3, "lossless"), (0xCB, "lossless"), (0xC5, "hierarchical"), (0xCD, "hierarchical")],
)
def test_other_kinds_of_jpeg_are_refused_by_name(marker: int, said: str) -> None:
    plain = media.saved(media.scene(), "JPEG")
    place = plain.index(b"\xff\xc0") + 1
    data = plain[:place] + bytes([marker]) + plain[place + 1 :]
    refused(data, f"expected a JPEG of 8 bits, got a {said} one; convert it to PNG")


@pytest.mark.parametrize("marker", [0xC1, 0xC2])
@pytest.mark.parametrize("bits", [2, 12, 16])
def test_other_depths_of_jpeg_are_refused_by_name(bits: int, marker: int) -> None:
    data = bytearray(headers.jpeg(40, 30) + b"\0" * 400 + b"\xff\xd9")
    place = data.index(b"\xff\xc0")
    data[place + 1], data[place + 4] = marker, bits
    refused(bytes(data), f"expected a JPEG of 8 bits, got one of {bits} bits a sample; convert it")


def test_a_long_fill_between_scans_is_skipped() -> None:
    plain = media.saved(media.scene(), "JPEG", progressive=True)
    scan = plain.rindex(b"\xff\xda")
    filled = plain[:scan] + b"\xff" * 5_000_000 + plain[scan:]
    assert jpeg.scans(filled) == jpeg.scans(plain)

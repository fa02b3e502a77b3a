"""HEIC with the extra and without it. The files show four plain fields, and were made for this."""

import struct
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.image.boxes import has_text_names
from app.modalities.image.header import read_header
from app.modalities.image.spec import ImageSpec
from tests import media

FOLDER = Path(__file__).parent / "heic"
QUADRANTS, TURNED, EXIF, TWO = (
    (FOLDER / f"{name}.heic").read_bytes() for name in ("quadrants", "turned", "exif", "two")
)
ENCODER = encoder_for(ImageSpec(height=48, width=64, fit="stretch"), {})
EDGE = 10  # pixels beside the border of two fields, which the codec mixes
with_extra = pytest.mark.skipif(find_spec("pi_heif") is None, reason="the extra is not installed")


def fields() -> Image.Image:
    picture = Image.new("RGB", (64, 48), (200, 30, 40))
    for colour, box in (
        ((30, 180, 60), (32, 0, 64, 24)),
        ((40, 60, 200), (0, 24, 32, 48)),
        ((230, 220, 90), (32, 24, 64, 48)),
    ):
        picture.paste(colour, box)
    return picture


def encoded(data: bytes) -> Encoded:
    return ENCODER.encode(Payload(data, "image/heic"))


def is_near(data: bytes, picture: Image.Image) -> bool:
    expected = ENCODER.encode(Payload(media.saved(picture), "image/png")).arrays["image"]
    difference = np.abs(encoded(data).arrays["image"].astype(int) - expected)
    return bool(np.median(difference) < 6 and difference.mean() < 12)


@with_extra
def test_a_picture_is_read() -> None:
    assert is_near(QUADRANTS, fields())
    assert encoded(QUADRANTS).truncated is None
    assert not is_near(QUADRANTS, fields().transpose(Image.Transpose.ROTATE_180))


@with_extra
def test_a_picture_is_turned_upright_once() -> None:
    """By the property of the file; what EXIF says is no order, as ISO 23008-12 has it."""
    assert b"irot" in TURNED and b"irot" not in EXIF and b"Exif" in EXIF
    # It is stored on its side, and the property turns it by a further quarter.
    assert is_near(TURNED, fields().transpose(Image.Transpose.ROTATE_180))
    assert is_near(EXIF, fields())


@with_extra
def test_the_first_of_several_pictures_is_read() -> None:
    assert is_near(TWO, fields())
    assert encoded(TWO).truncated == "only the first of 2 pictures was read"


@with_extra
@pytest.mark.parametrize("data", [QUADRANTS, TURNED, TWO], ids=["plain", "turned", "two"])
def test_damaged_files_are_read_or_refused(data: bytes) -> None:
    random = np.random.default_rng(0)
    for _ in range(150):
        rotten = bytearray(data)
        for place in random.integers(0, len(data), 3):
            rotten[place] = random.integers(256)
        if random.random() < 0.3:
            del rotten[random.integers(len(rotten)) :]
        try:
            assert encoded(bytes(rotten)).arrays["image"].shape == (48, 64, 3)
        except InvalidInput as refusal:
            assert "; " in str(refusal)


@with_extra
@pytest.mark.parametrize(("place", "value"), [(12, b"\xb4\xb4\xb5\xb5"), (16, b"\xff")])
def test_names_that_are_no_text_are_refused(place: int, value: bytes) -> None:
    """pi-heif crashes on the first: the type of metadata, which it makes a text of Python."""
    start = EXIF.index(b"Exif") - 12  # of the box of the item, at its name
    assert EXIF[start : start + 5] == b"infe\x02"
    assert encoded(EXIF).arrays["image"].shape == (48, 64, 3)
    altered = EXIF[: start + place] + value + EXIF[start + place + len(value) :]
    with pytest.raises(InvalidInput, match="names of items are UTF-8"):
        encoded(altered)


def test_names_that_reach_over_each_other_are_refused_in_linear_time() -> None:
    items = b"\xff\xff\xff\xffinfe" * 20_000
    assert not has_text_names((8 + len(items)).to_bytes(4, "big") + b"meta" + items)


def test_without_the_extra_the_refusal_names_it(monkeypatch) -> None:
    for data in (QUADRANTS, TURNED, TWO):
        monkeypatch.setitem(sys.modules, "pi_heif", None)
        said = r"expected a JPEG, .* AVIF image, got a HEIC image.*; install thalamus\[media\]"
        with pytest.raises(InvalidInput, match=said):
            encoded(data)
        assert ENCODER.decode_bytes(Payload(data, "image/heic")) == 0


def boxed(data: bytes, width: int, height: int) -> bytes:
    """Return the file with another size in its boxes."""
    made, place = bytearray(data), data.find(b"ispe")
    while place >= 0:
        made[place + 8 : place + 16] = struct.pack(">II", width, height)
        place = data.find(b"ispe", place + 4)
    return bytes(made)


@with_extra
def test_the_size_that_the_codec_states_counts() -> None:
    """A box that states less does not hide what the decoder takes."""
    small = boxed(QUADRANTS, 8, 8)
    header = read_header(small)
    assert header is not None and (header.width, header.height) == (64, 64)  # whole blocks
    with suppress(InvalidInput):
        assert encoded(small).arrays["image"].shape == (48, 64, 3)
    with pytest.raises(InvalidInput, match="megapixels"):
        encoded(boxed(QUADRANTS, 9000, 9000))


def av1(width: int, height: int) -> bytes:
    """Return an AVIF of one colour."""
    return media.saved(Image.new("RGB", (width, height), "red"), "AVIF", speed=10)


@pytest.mark.parametrize("size", [(64, 48), (1000, 16), (17, 1300)])
def test_the_size_that_av1_states_counts(size: tuple[int, int]) -> None:
    header = read_header(boxed(av1(*size), 8, 8))
    assert header is not None
    # The codec pads to whole blocks of eight at most.
    assert 0 <= header.width - size[0] < 8 and 0 <= header.height - size[1] < 8


def test_every_frame_of_a_sequence_and_every_plane_counts() -> None:
    scene = media.scene(64, 48)
    scene.putalpha(128)
    moving = media.saved(scene, "AVIF", speed=10, save_all=True, append_images=[scene.rotate(90)])
    for data in (media.saved(scene, "AVIF", speed=10), moving):
        header = read_header(boxed(data, 8, 8))
        assert header is not None and (header.width, header.height) == (64, 48)


def test_a_table_of_places_that_is_cut_is_damage() -> None:
    data = av1(64, 48)
    place = data.index(b"iloc")
    for cut in range(place + 4, place + 40):
        cut_off = data[:cut]
        read_header(cut_off)
        with pytest.raises(InvalidInput, match="AVIF image is truncated or damaged"):
            encoded(cut_off)
    many = data[: place + 10] + b"\xff\xff" + data[place + 12 :]
    assert read_header(many) is None

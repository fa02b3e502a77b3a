import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image.jpeg import MAX_SCANS, scans
from app.modalities.image.spec import ImageSpec
from tests import media, pictures

SPEC = ImageSpec(height=16, width=16, resample="bilinear")


def encode(data: bytes, **spec) -> np.ndarray:
    encoder = encoder_for(SPEC.model_copy(update=spec), {})
    return encoder.encode(Payload(data, "image/png")).arrays["image"]


def refused(data: bytes, message: str, **spec) -> None:
    with pytest.raises(InvalidInput, match=message):
        encode(data, **spec)


def plain(data: bytes, colour: tuple[int, ...], tolerance: int = 0, **spec) -> None:
    """Assert that the picture is of this one colour."""
    assert np.abs(encode(data, **spec).astype(int) - colour).max() <= tolerance


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc + b"\0\0\1\0IDATx"


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000), (16, 16), (31, 17), (2, 900)])
def test_picture_of_any_size_is_encoded(
    fit: str, layout: str, channels: int, size: tuple[int, int]
) -> None:
    spec = SPEC.model_copy(update={"fit": fit, "layout": layout, "channels": channels})
    made = encode(media.picture(size), fit=fit, layout=layout, channels=channels)
    assert ("batch", *made.shape) == spec.tensors()[0].shape
    assert made.dtype == np.uint8
    assert made.max() > 0, "nothing is left of the picture"
    if fit != "pad":
        assert len(np.unique(made)) <= channels, "one colour stays one colour"


@pytest.mark.parametrize("fit", ["crop", "stretch", "pad"])
def test_picture_of_the_right_size_stays_unchanged(fit: str) -> None:
    scene = media.scene(16, 16)
    assert np.array_equal(encode(media.saved(scene), fit=fit), np.asarray(scene))


def test_crop_takes_the_middle() -> None:
    landscape = Image.new("RGB", (64, 16), "red")
    landscape.paste("lime", (24, 0, 40, 16))
    plain(media.saved(landscape), (0, 255, 0))


def test_padding_is_black_and_even() -> None:
    made = encode(media.picture((32, 16), (255, 255, 255)), fit="pad")
    assert made[4:12].min() == 255
    assert made[:4].max() == made[12:].max() == 0


def test_layouts_and_channel_orders_hold_the_same_pixels() -> None:
    data = media.saved(media.scene())
    rgb = encode(data)
    assert np.array_equal(encode(data, layout="NCHW"), rgb.transpose(2, 0, 1))
    assert np.array_equal(encode(data, channel_order="BGR"), rgb[..., ::-1])
    floats = encode(data, dtype="float32", mean=(0.5, 0.4, 0.3), std=(0.2, 0.2, 0.1))
    assert floats.dtype == np.float32
    expected = (rgb / 255 - [0.5, 0.4, 0.3]) / [0.2, 0.2, 0.1]
    assert np.allclose(floats, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_formats_give_the_same_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    scene = media.scene()
    assert np.array_equal(encode(media.saved(scene, kind, **options)), encode(media.saved(scene)))


@pytest.mark.parametrize("kind", ["JPEG", "GIF"])
def test_lossy_formats_give_similar_pixels(kind: str) -> None:
    plain(media.picture(encode=(kind,)), (200, 30, 40), 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    scene = media.scene()
    stored = pictures.as_stored(scene, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = media.saved(stored, kind, exif=exif)
    assert np.array_equal(encode(data), encode(media.saved(scene)))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("exif", [b"garbage", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0" + b"\xff" * 300])
def test_damaged_exif_data_is_ignored(exif: bytes) -> None:
    plain(media.picture(encode=("JPEG",), exif=b"Exif\0\0" + exif), (200, 30, 40), 3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(kind: str) -> None:
    for deep, shallow in ((0, 0), (257, 1), (32768, 128), (65535, 255)):
        gray = Image.fromarray(np.full((9, 9), deep, dtype=np.uint16))
        plain(media.saved(gray, kind), (shallow,) * 3)


def test_16_bit_gray_larger_than_a_strip() -> None:
    ramp = np.linspace(0, 65535, 2100 * 2100).reshape(2100, 2100).astype(np.uint16)
    made = encode(media.saved(Image.fromarray(ramp), "TIFF"), fit="stretch", channels=1)
    expected = np.linspace(0, 255, 17)[:-1] + 8
    assert np.abs(made[:, 8, 0] - expected).max() < 3


def test_cmyk_becomes_rgb() -> None:
    plain(media.picture(colour=(0, 255, 255, 0), mode="CMYK", encode=("TIFF",)), (255, 0, 0))
    plain(media.picture(colour=(0, 255, 255, 0), mode="CMYK", encode=("JPEG",)), (255, 0, 0), 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_of_png_is_read(mode: str, channels: int) -> None:
    white = media.saved(Image.new("RGB", (9, 9), "white").convert(mode))
    plain(white, (255,) * channels, channels=channels)


@pytest.mark.parametrize("mode", ["YCbCr", "LAB", "CMYK", "F", "I", "I;16B", "RGBX"])
@pytest.mark.parametrize("channels", [1, 3])
def test_odd_modes_of_tiff_are_read_or_refused(mode: str, channels: int) -> None:
    data = media.saved(Image.new(mode, (9, 9)), "TIFF")
    try:
        assert encode(data, channels=channels).shape == (16, 16, channels)
    except InvalidInput as error:
        assert mode in ("F", "I", "LAB"), error


def test_transparent_picture_is_put_on_white() -> None:
    plain(media.picture(colour=(200, 0, 0, 0), mode="RGBA"), (255, 255, 255))
    plain(media.picture(colour=(0, 0, 0, 51), mode="RGBA"), (204, 204, 204))
    plain(media.picture(colour=(0, 128), mode="LA"), (127, 127, 127), 1)


def test_transparent_palette_picture_is_put_on_white() -> None:
    image = Image.new("P", (9, 9), 1)
    image.putpalette([0, 0, 0, 250, 0, 0])
    plain(media.saved(image), (250, 0, 0))
    plain(media.saved(image, transparency=bytes([255, 0])), (255, 255, 255))
    plain(media.saved(image, "GIF", transparency=1), (255, 255, 255))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_first_frame_is_read(kind: str) -> None:
    first, second = (Image.new("RGB", (20, 20), colour) for colour in ("red", "blue"))
    data = media.saved(first, kind, save_all=True, append_images=[second])
    plain(data, (255, 0, 0), 4)


def test_format_is_recognised_by_content() -> None:
    encoder = encoder_for(SPEC, {})
    data = media.picture()
    one, other = (encoder.encode(Payload(data, kind)) for kind in ("image/png", "image/jpeg"))
    assert np.array_equal(one.arrays["image"], other.arrays["image"])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "got 0 bytes"),
        (b"some text", "got something else"),
        (b"<html>404</html>", "got something else"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "got an SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "got a PostScript file"),
        (b"\x89PNG\r\n\x1a\n", "PNG image is.* damaged"),
        (b"II*\0" + b"\xff" * 40, "TIFF image is.* damaged"),
        (b"GIF89a", "GIF image is.* damaged"),
        (b"BM" + b"\xff" * 60, "megapixels|damaged"),
        (b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\xff" * 40, "megapixels|damaged"),
        (png_header(20_000, 20_000), "megapixels"),
        (png_header(10_000, 10_000), "megapixels"),
        (png_header(8_001, 8_000), "megapixels"),
        (png_header(2**31 - 1, 2**31 - 1), "megapixels"),
        (png_header(0, 5), "expected|damaged"),
        (png_header(5, 5), "PNG image is truncated"),
    ],
)
def test_invalid_image_is_refused(data: bytes, message: str) -> None:
    refused(data, message)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = media.saved(Image.fromarray(noise), kind)
    refused(data[: len(data) // 2], "damaged|expected")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_flipped_bits_give_a_picture_or_a_refusal(kind: str) -> None:
    random = np.random.default_rng(1)
    data = media.saved(media.scene(), kind)
    for _ in range(60):
        rotten = bytearray(data)
        for place in random.integers(0, len(data), 5):
            rotten[place] = random.integers(256)
        try:
            assert encode(bytes(rotten)).shape == (16, 16, 3)
        except InvalidInput:
            continue


def test_a_jpeg_of_thousands_of_scans_is_refused() -> None:
    """A scan costs the sender 31 bytes, and the decoder a pass over the whole picture."""
    data = media.saved(media.scene(), "JPEG", progressive=True)
    assert 5 < scans(data) < 15
    last = data[data.rindex(b"\xff\xda") : -2]
    many = data[:-2] + last * MAX_SCANS + b"\xff\xd9"
    assert scans(many) == scans(data) + MAX_SCANS
    refused(many, "scans")


def test_bytes_after_a_jpeg_are_no_scans() -> None:
    data = media.saved(media.scene(), "JPEG")
    assert scans(data + b"\xff\xda\0\2" * 1000) == scans(data) == 1
    assert np.array_equal(encode(data + b"\xff\xda\0\2" * 1000), encode(data))


def test_accepts_images_only() -> None:
    encoder = encoder_for(SPEC, {})
    assert encoder.accepts("image/anything")
    assert not encoder.accepts("text/plain")


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(16, 16), (31, 17), (32, 32), (200, 90)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_plain_jpeg_equals_pillows_pixels(mode, channels, size, options, monkeypatch) -> None:
    data = media.saved(media.scene(*size).convert(mode), "JPEG", **options)
    quick = encode(data, channels=channels)
    monkeypatch.setattr("app.modalities.image.encoder._plain_jpeg", lambda data, spec: None)
    slow = encode(data, channels=channels)
    if max(size) <= 32:
        assert np.array_equal(quick, slow)
    else:  # the two decoders support different fractions of the size
        assert np.abs(quick.astype(int) - slow).max() <= 8


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (media.picture((32, 32)), media.picture((3200, 3200))),
        (
            media.picture((32, 32), encode=("JPEG",)),
            media.picture((3200, 3200), encode=("JPEG",)),
        ),
        (media.picture((32, 32)), png_header(60000, 60000)),
        (media.picture((32, 32)), media.saved(media.scene(32, 32), "GIF")),
        (media.picture((32, 32)), b"\xff\xd8\xff"),
        (
            media.picture((32, 32)),
            b"\xff\xd8\xff\xff" + media.saved(media.scene(), "JPEG")[2:],
        ),
        (media.picture((32, 32)), b""),
    ],
)
def test_cost_of_large_or_unknown_files_is_high(small: bytes, large: bytes) -> None:
    encoder = encoder_for(SPEC, {})
    assert encoder.cost(Payload(small, "image/png")) < 1e-3
    assert encoder.cost(Payload(large, "image/png")) > 5e-3

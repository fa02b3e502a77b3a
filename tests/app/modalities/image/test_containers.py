"""The decoded array depends on the pixels alone: not on the container, nor on what else it says."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.errors import InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from tests import media, pictures

ENCODER = encoder_for(ImageSpec(height=20, width=24, fit="pad", resample="bilinear"), {})
SEEDS = range(4)


def encoded(data: bytes) -> Encoded:
    return ENCODER.encode(Payload(data, "image/x"))


def seen(data: bytes) -> np.ndarray:
    return encoded(data).arrays["image"]


def noise(seed: int, channels: int = 3) -> np.ndarray:
    random = np.random.default_rng(seed)
    size = random.integers(1, 40, 2)
    return random.integers(0, 256, (*size, channels), dtype=np.uint8).squeeze(
        axis=2 if channels == 1 else ()
    )


def deep(seed: int, channels: int = 1) -> np.ndarray:
    shape = noise(seed).shape[:2]
    pixels = np.random.default_rng(seed).integers(0, 65536, (*shape, channels), dtype=np.uint16)
    return pixels[..., 0] if channels == 1 else pixels


def lossless(image: Image.Image) -> dict[str, bytes]:
    """Return the same pixels in every container that keeps them."""
    files = {
        "PNG": media.saved(image),
        "PNG, stored": media.saved(image, compress_level=0),
        "TIFF": media.saved(image, "TIFF"),
        "TIFF, LZW": media.saved(image, "TIFF", compression="tiff_lzw"),
        "TIFF, zip": media.saved(image, "TIFF", compression="tiff_adobe_deflate"),
    }
    if image.mode in ("L", "RGB", "P"):
        files["BMP"] = media.saved(image, "BMP")
    if image.mode in ("L", "P"):
        files["GIF"] = media.saved(image, "GIF")
    if image.mode in ("RGB", "RGBA"):
        files["WebP"] = media.saved(image, "WEBP", lossless=True, exact=True)
    return files


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_container_gives_the_same_array(mode: str, seed: int) -> None:
    rgba = Image.fromarray(noise(seed, 4))
    image = rgba.convert("RGB").quantize(16) if mode == "P" else rgba.convert(mode)
    files = lossless(image)
    expected = seen(files.pop("PNG"))
    for name, data in files.items():
        assert np.array_equal(seen(data), expected), name


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", [{}, {"rows": 3}, {"tile": 16}])
def test_deep_gray_of_every_layout_and_polarity(seed: int, order: str, layout: dict) -> None:
    pixels = deep(seed)
    expected = seen(media.saved(Image.fromarray(pixels)))
    for photometric, stored in ((1, pixels), (0, 65535 - pixels)):
        data = pictures.tiff(stored, photometric, order=order, **layout)
        assert np.array_equal(seen(data), expected)
    shallow = (pixels >> 8).astype(np.uint8)
    gray = seen(media.saved(Image.fromarray(shallow)))
    for photometric, stored in ((1, shallow), (0, 255 - shallow)):
        assert np.array_equal(seen(pictures.tiff(stored, photometric, order=order, **layout)), gray)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_deep_gray_where_0_is_white(compression: str) -> None:
    pixels = deep(2)
    data = media.saved(
        Image.fromarray(65535 - pixels), "TIFF", compression=compression, tiffinfo={262: 0}
    )
    assert data.count(b"\x06\x01\x03\x00\x01\x00\x00\x00\x00\x00") == 1, "0 is white"
    assert np.array_equal(seen(data), seen(media.saved(Image.fromarray(pixels))))


def test_gray_with_transparency_where_0_is_white() -> None:
    pixels = noise(1, 2)
    stored = np.stack([255 - pixels[..., 0], pixels[..., 1]], axis=-1)
    expected = seen(media.saved(Image.fromarray(pixels, "LA")))
    assert np.array_equal(seen(pictures.tiff(stored, 0, extra=[2])), expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_deep_colours_equal_those_of_png(channels: int) -> None:
    pixels = deep(3, channels)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    head = pixels.shape[1].to_bytes(4, "big") + pixels.shape[0].to_bytes(4, "big")
    head += bytes((16, 2 if channels == 3 else 6, 0, 0, 0))
    png = b"\x89PNG\r\n\x1a\n" + pictures.chunk(b"IHDR", head)
    png += pictures.chunk(b"IDAT", zlib.compress(rows)) + pictures.chunk(b"IEND", b"")
    extra = [2] if channels == 4 else []
    assert np.array_equal(seen(pictures.tiff(pixels, 2, extra=extra)), seen(png))
    with pytest.raises(InvalidInput, match="separate planes"):
        seen(pictures.tiff(pixels, 2, extra=extra, apart=True))
    shallow = (pixels >> 8).astype(np.uint8)
    apart = pictures.tiff(shallow, 2, extra=extra, apart=True)
    assert np.array_equal(seen(apart), seen(pictures.tiff(shallow, 2, extra=extra)))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("kind", ["i1", "i2", "i4", "u4", "f4", "f8", "i8", "u8"])
def test_other_types_are_refused_by_name(kind: str, photometric: int, order: str) -> None:
    """No value of theirs is known to be white."""
    for channels in (1, 3):
        pixels = np.zeros((5, 6, channels), kind)
        with pytest.raises(InvalidInput, match=r"signed|floating|integers of .* bits.*convert"):
            seen(pictures.tiff(pixels, photometric if channels == 1 else 2, order=order))


def test_one_transparent_value_of_deep_gray() -> None:
    pixels = np.array([[0, 257, 65535, 30000]], np.uint16)
    data = pictures.with_chunks(
        media.saved(Image.fromarray(pixels)), pictures.chunk(b"tRNS", b"\1\1")
    )
    white = media.saved(Image.fromarray(np.array([[0, 65535, 65535, 30000]], np.uint16)))
    assert np.array_equal(seen(data), seen(white))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_container_is_turned_upright(orientation: int) -> None:
    scene = media.scene(30, 17)
    stored = pictures.as_stored(scene, orientation)
    data, far = pictures.exif(orientation), pictures.segment(0xE2, b"far away" * 8000)
    plain, jpeg = media.saved(stored, "JPEG"), b"Exif\0\0" + data
    expected = seen(media.saved(scene))
    files = {
        "PNG": pictures.with_chunks(media.saved(stored), pictures.chunk(b"eXIf", data)),
        "WebP": media.saved(stored, "WEBP", lossless=True, exif=data),
        "TIFF": pictures.tiff(np.asarray(stored), 2, more={274: (3, [orientation])}),
    }
    for name, file in files.items():
        assert np.array_equal(seen(file), expected), name
    turned = seen(pictures.with_segments(plain, pictures.segment(0xE1, jpeg)))
    late = pictures.with_segments(plain, far, far, pictures.segment(0xE1, jpeg))
    assert np.array_equal(seen(late), turned)
    for name, file in {"JPEG": late, "AVIF": media.saved(stored, "AVIF", exif=data)}.items():
        assert np.abs(seen(file).astype(int) - expected).mean() < 12, name


def test_remarks_change_nothing() -> None:
    scene, info = media.scene(), PngInfo()
    info.add_text("comment", "x" * 3_000_000, zip=True)
    info.add_itxt("long", "y" * 2_000_000)
    png, jpeg = media.saved(scene), media.saved(scene, "JPEG")
    noted = media.saved(scene, pnginfo=info, dpi=(300, 20))
    wrong = pictures.chunk(b"tEXt", b"comment\0hello", 1)
    long_profile = pictures.chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 1_500_000))
    for data in (
        noted,
        pictures.with_chunks(png, wrong),
        pictures.with_chunks(png, pictures.chunk(b"pHYs", b"\0" * 9, 5)),
        pictures.with_chunks(png, long_profile, pictures.chunk(b"eXIf", b"no EXIF")),
        png.replace(b"IEND", b"IENE"),
        png + b"after the end" * 1000,
        *(png[: len(png) - cut] for cut in range(1, 17)),
    ):
        assert np.array_equal(seen(data), seen(png))
    for segments in (
        [pictures.segment(0xFE, b"x" * 65_000)] * 40,
        [pictures.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")],
        [pictures.segment(0xE2, b"MPF\0MM\0*")],
        [pictures.segment(0xE2, b"ICC_PROFILE\0\1\2half of a profile")],
    ):
        assert np.array_equal(seen(pictures.with_segments(jpeg, *segments)), seen(jpeg))
    exif = pictures.segment(0xE1, b"Exif\0\0" + pictures.exif(1))
    assert np.array_equal(seen(pictures.with_segments(jpeg, exif)), seen(jpeg))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_without_its_end_is_read_and_a_cut_one_is_not(mode: str, options: dict) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8))
    data = media.saved(image.convert(mode), "JPEG", **options)
    for end in (data[:-2], data[:-1], data[:-2] + b"\0" * 100):
        assert np.array_equal(seen(end), seen(data))
    last = data.rindex(b"\xff\xda")
    for cut in (20, len(data) // 2, len(data) - last, 12):
        with pytest.raises(InvalidInput, match="JPEG image is truncated"):
            seen(data[:-cut])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (media.saved(media.scene())[:20], "PNG"),
        (media.saved(media.scene(), "JPEG")[:100], "JPEG"),
        (media.saved(media.scene(), "AVIF")[:60], "AVIF"),
        (media.saved(media.scene(), "WEBP")[:40], "WebP"),
        (media.saved(media.scene(), "TIFF")[:20], "TIFF"),
    ],
)
def test_a_refusal_names_the_kind_that_is_known(data: bytes, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"the {kind} image is truncated or damaged"):
        seen(data)


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"P5 9 9 255\n" + b"\0" * 81, "PGM"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"\0\0\2\0\1\0\x20\x20", "CUR"),
        (media.saved(media.scene(), "TGA"), "TGA"),
        (media.saved(media.scene(), "TGA", compression="tga_rle"), "TGA"),
        (media.saved(media.scene().convert("L"), "TGA"), "TGA"),
        (media.saved(media.scene().quantize(8), "TGA"), "TGA"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "MP4"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\0" * 128 + b"DICM", "DICOM"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    ],
)
def test_other_kinds_are_named_with_the_remedy(data: bytes, named: str) -> None:
    with pytest.raises(InvalidInput, match=f"{named}.*; (convert|install)|{named} image is"):
        seen(data)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AU", "CAF"])
def test_a_sound_is_named(kind: str) -> None:
    data = media.sound(media.tone(440), kind=kind)
    if kind == "MP3":
        data = b"ID3\4\0\0\0\0\0\0" + data
    name = kind.replace("OGG", "Ogg")
    with pytest.raises(InvalidInput, match=rf"got an? {name} sound; send it to a model of sounds"):
        seen(data)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG", "AVIF", "MPO"])
def test_an_answer_says_that_frames_were_left_out(kind: str) -> None:
    first, *others = (Image.new("RGB", (32, 32), colour) for colour in ("red", "blue", "lime"))
    noun = {"TIFF": "page", "MPO": "picture"}.get(kind, "frame")
    data = media.saved(first, kind, save_all=True, append_images=others)
    result = encoded(data)
    assert result.truncated == f"only the first of 3 {noun}s was read"
    assert np.abs(result.arrays["image"][10, 12].astype(int) - (255, 0, 0)).max() < 9
    if kind != "MPO":
        assert encoded(media.saved(first, kind)).truncated is None
    else:
        assert encoded(media.saved(first, "JPEG")).truncated is None


def test_channels_that_are_left_out_are_said() -> None:
    pixels = noise(0, 4)
    made = encoded(pictures.tiff(pixels, 2, extra=[0]))
    assert made.truncated == "1 channel beside the colours was not read"
    plain = seen(media.saved(Image.fromarray(np.ascontiguousarray(pixels[..., :3]))))
    assert np.array_equal(made.arrays["image"], plain)
    assert io.BytesIO(media.saved(Image.fromarray(pixels))).read(4) == b"\x89PNG"

"""The header reader, beside Pillow and the files that it writes."""

import io

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image import png
from app.modalities.image.header import read_header
from app.modalities.image.spec import ImageSpec
from tests import headers, media, pictures

SPEC = ImageSpec(height=16, width=16)


def size_of(data: bytes) -> tuple[int, int]:
    header = read_header(data)
    assert header is not None
    return header.width, header.height


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "YCbCr"])
def test_the_header_states_the_size_and_depth_that_pillow_decodes(kind: str, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.zeros((23, 31), np.uint16))
    else:
        image = Image.new("RGB", (31, 23), "red").convert("RGB" if mode == "I" else mode)
        image = image.convert("L").convert("I") if mode == "I" else image
    try:
        data = media.saved(image, kind)
    except (OSError, KeyError, ValueError):
        pytest.skip("Pillow does not write it")
    assert size_of(data) == (31, 23)
    opened = Image.open(io.BytesIO(data))
    opened.load()
    channel_bytes = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
    assert channel_bytes.get(opened.mode, 4) <= read_header(data).pixel_bytes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff_of_each_kind(order: str, big: bool) -> None:
    data = headers.tiff(900, 700, samples=3, rows=50, order=order, big=big)
    assert read_header(data)[:4] == (900, 700, 4, 900 * 50 * 3)
    assert read_header(headers.tiff(900, 700, samples=1, bits=16, order=order, big=big))[2] == 2


@pytest.mark.parametrize("kind", [b"VP8X", b"VP8L", b"VP8 "])
def test_webp_of_each_kind(kind: bytes) -> None:
    assert size_of(headers.webp(9000, 7000, kind)) == (9000, 7000)


def test_the_first_frame_of_a_gif_may_be_larger_than_its_canvas() -> None:
    assert size_of(headers.gif(9, 7)) == (9, 7)
    assert size_of(headers.gif(9, 7, (10, 20, 300, 400))) == (310, 420)
    with pytest.raises(InvalidInput, match="megapixels"):
        encoder_for(SPEC, {}).encode(Payload(headers.gif(9, 7, (0, 0, 9000, 9000)), "image/gif"))


def test_a_jpeg_keeps_all_samples_only_for_several_scans() -> None:
    plain, kept = headers.jpeg(800, 600), headers.jpeg(800, 600, progressive=True)
    assert read_header(plain).extra_bytes == 0
    assert 3 * 2 * 800 * 600 <= read_header(kept).extra_bytes < 3.1 * 2 * 800 * 600
    apart = plain.replace(b"\xff\xda\0\x0c\3", b"\xff\xda\0\x0c\1")
    assert read_header(apart).extra_bytes == read_header(kept).extra_bytes
    sampled = media.saved(media.scene(800, 600), "JPEG", progressive=True, subsampling=2)
    assert 1.5 * 2 * 800 * 600 <= read_header(sampled).extra_bytes < 1.7 * 2 * 800 * 600


def test_a_frame_that_is_not_found_is_no_picture() -> None:
    for before in (b"\xff\xfe\0\2" * 5000, b"\xff\xfe\0\0", b"\xff\xfe\0\1", b"\0", b"\xff\0"):
        assert read_header(headers.jpeg(9, 9, before=before)) is None
    for before in (b"\xff\xfe\0\2" * 3000, b"\xff" * 10**6, b"\xff\xd0\xff\x01"):
        assert size_of(headers.jpeg(9, 8, before=before)) == (9, 8)


def test_what_is_refused_by_its_header_takes_no_memory() -> None:
    """It is refused in pixels, and never by the bytes that it would take."""
    large = (2**31 - 1, 2**31 - 1)
    tile = {322: (4, [2**31]), 323: (4, [2**31]), 259: (3, [5])}
    for data in (
        *(
            headers.png(*large),
            headers.bmp(*large),
            headers.tiff(*large),
            headers.webp(2**24, 2**24),
        ),
        *(headers.jpeg(65_000, 65_000), headers.jpeg(9_000, 9_000, progressive=True)),
        headers.gif(65_000, 65_000),
        pictures.tiff(np.zeros((9, 9), np.uint8), 1, tile=16, more=tile),
    ):
        payload = Payload(data, "image/x")
        for spec in (SPEC, ImageSpec(height=4096, width=4096)):
            encoder = encoder_for(spec, {})
            assert encoder.decode_bytes(payload) == 0
            assert 5e-3 < encoder.cost(payload) < 1
            with pytest.raises(
                InvalidInput, match=r"at most 64 megapixels .*, got .*; send a smaller"
            ):
                encoder.encode(payload)
    reduced = Payload(headers.jpeg(12_000, 9_000), "image/jpeg")
    assert encoder_for(SPEC, {}).decode_bytes(reduced) > 0
    assert encoder_for(ImageSpec(height=4096, width=4096), {}).decode_bytes(reduced) == 0


def test_a_bmp_of_negative_width_is_damaged() -> None:
    assert read_header(headers.bmp(-64, 9)) is None
    assert size_of(headers.bmp(64, -9)) == (64, 9)
    with pytest.raises(InvalidInput, match="the BMP image is truncated or damaged; send"):
        encoder_for(SPEC, {}).encode(Payload(headers.bmp(-64, 9) + b"\0" * 9000, "image/bmp"))


def test_a_second_header_is_refused() -> None:
    data = media.picture((9, 9))
    larger = media.picture((90, 90))[8:33]
    with pytest.raises(InvalidInput, match=r"contradicts|damaged"):
        encoder_for(SPEC, {}).encode(Payload(data[:33] + larger + data[33:], "image/png"))


def test_texts_are_cut_out_of_a_png() -> None:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for _ in range(70):
        info.add_text("comment", "x" * 2**20, zip=True)
    plain, data = media.saved(media.scene()), media.saved(media.scene(), pnginfo=info)
    assert png.read_chunks(plain).file is plain
    assert png.read_chunks(data).file == plain
    both = [encoder_for(SPEC, {}).encode(Payload(d, "image/png")).arrays for d in (plain, data)]
    assert np.array_equal(both[0]["image"], both[1]["image"])


def test_a_text_that_says_which_side_is_up_stays() -> None:
    from PIL.PngImagePlugin import PngInfo

    scene, info = media.scene(), PngInfo()
    info.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="3"></x>')
    data = media.saved(scene.transpose(Image.Transpose.ROTATE_180), pnginfo=info)
    encoder = encoder_for(SPEC, {})
    upright, turned = (
        encoder.encode(Payload(d, "image/png")).arrays["image"] for d in (media.saved(scene), data)
    )
    assert np.array_equal(upright, turned)


def test_cut_headers_are_no_pictures() -> None:
    for data in (headers.png(9, 9), headers.tiff(9, 9), headers.bmp(9, 9), headers.webp(9, 9)):
        for end in range(len(data)):
            read_header(data[:end])

"""Colour profiles: every container's is applied, and none of other colours or of none."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.image.colour import Colours, colours_of, profile_of_chunks
from app.modalities.image.spec import ImageSpec
from tests import media, pictures

ENCODER = encoder_for(ImageSpec(height=20, width=24, fit="pad", resample="bilinear"), {})
GREEN, RED = (0.3, 0.6), (0.64, 0.33)
SWAPPED = pictures.profile(GREEN, RED)  # red and green are exchanged
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def seen(data: bytes) -> np.ndarray:
    return ENCODER.encode(Payload(data, "image/x")).arrays["image"]


def profile() -> bytes:
    return profile_of_chunks(SWAPPED[:4], SWAPPED[4:])


def gray_profile(power: float) -> bytes:
    """Return the profile of a gray scale: one curve, and the white point."""
    made = bytearray(
        profile_of_chunks(*(pictures.profile(RED, GREEN, power)[a:b] for a, b in ((0, 4), (4, 36))))
    )
    made[16:20] = b"GRAY"
    return bytes(made.replace(b"rTRC", b"kTRC"))


def exchanged(scene: Image.Image) -> Image.Image:
    red, green, blue = scene.split()
    return Image.merge("RGB", [green, red, blue])


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF"])
def test_a_profile_is_applied_in_every_container(kind: str) -> None:
    scene = media.scene()
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind != "TIFF" else {}
    stored = media.saved(exchanged(scene), kind, icc_profile=profile(), **options)
    made = seen(stored).astype(int)
    # The curve of the profile is a power, that of sRGB is not quite one.
    assert np.abs(made - seen(media.saved(scene, kind, **options))).mean() < 8
    assert np.abs(made - seen(media.saved(exchanged(scene), kind, **options))).mean() > 20


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_colours_equal_those_of_the_library(mode: str) -> None:
    scene = media.scene(24, 20)
    image = scene.quantize(64) if mode == "P" else scene.convert(mode)
    converted = ImageCms.profileToProfile(
        image.convert("RGB"), io.BytesIO(profile()), ImageCms.createProfile("sRGB")
    )
    made = seen(media.saved(image, icc_profile=profile()))
    assert np.array_equal(made, np.asarray(converted))


def test_transparency_stays_beside_a_profile() -> None:
    image = Image.new("RGBA", (24, 20), (10, 200, 30, 0))
    assert seen(media.saved(image, icc_profile=profile())).min() == 255


def test_gray_and_cmyk_have_profiles_of_their_own() -> None:
    gray = media.scene().convert("L")
    dark = seen(media.saved(gray, icc_profile=gray_profile(1.0))).astype(int)
    assert (dark - seen(media.saved(gray))).mean() > 30, "a linear scale is brighter in sRGB"
    deep = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    assert np.array_equal(seen(media.saved(deep, icc_profile=gray_profile(1.0))), dark)


def test_primaries_and_gamma_of_a_png_are_a_profile() -> None:
    scene = media.scene()
    gamma, primaries = (pictures.chunk(b"gAMA", SWAPPED[:4]), pictures.chunk(b"cHRM", SWAPPED[4:]))
    plain = media.saved(exchanged(scene))
    both = pictures.with_chunks(plain, gamma, primaries)
    expected = seen(media.saved(exchanged(scene), icc_profile=profile()))
    assert np.array_equal(seen(both), expected)
    srgb = pictures.with_chunks(both, pictures.chunk(b"sRGB", b"\0"))
    for data in (pictures.with_chunks(plain, gamma), pictures.with_chunks(plain, primaries), srgb):
        assert np.array_equal(seen(data), seen(plain))


def large(mode: str) -> bytes:
    """Return a picture of 1.2 megapixels with a profile of its colours."""
    scene = media.scene(60, 50).resize((1200, 1000), Image.Resampling.BICUBIC)
    if mode == "L":
        return media.saved(scene.convert("L"), icc_profile=gray_profile(1.0))
    if mode == "LA":
        scene = scene.convert("L")
        scene.putalpha(scene.transpose(Image.Transpose.ROTATE_180))
        return media.saved(scene, icc_profile=gray_profile(1.0))
    if mode == "RGBA":
        scene.putalpha(scene.convert("L"))
    turned = pictures.exif(6) if mode == "turned" else b""
    image = scene.quantize(64) if mode == "P" else scene
    return media.saved(image, icc_profile=profile(), compress_level=1, exif=turned)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "turned"])
def test_a_very_large_picture_is_reduced_first(mode: str, channels: int, monkeypatch) -> None:
    encoder = encoder_for(ImageSpec(height=20, width=24, channels=channels, fit="pad"), {})
    payload = Payload(large(mode), "image/x")
    early = encoder.encode(payload).arrays["image"].astype(int)
    monkeypatch.setattr("app.modalities.image.resize.LATE_PIXELS", 10**6)
    converted, sizes = Colours.converted, []

    def counted(colours: Colours, image: Image.Image) -> Image.Image:
        sizes.append(image.width * image.height)
        return converted(colours, image)

    monkeypatch.setattr(Colours, "converted", counted)
    late = encoder.encode(payload).arrays["image"]
    assert 24 * 20 <= sum(sizes) < 1200 * 1000 / 16
    assert np.abs(late - early).max() <= 6 and np.abs(late - early).mean() < 1


def cicp(primaries: int, curve: int) -> bytes:
    return pictures.chunk(b"cICP", bytes((primaries, curve, 0, 1)))


@pytest.mark.parametrize(("primaries", "curve"), [(9, 16), (9, 18), (12, 13), (1, 8)])
def test_numbers_of_colours_that_are_not_read_are_refused(primaries: int, curve: int) -> None:
    scene = media.scene()
    odd = pictures.with_chunks(media.saved(scene), cicp(primaries, curve))
    said = f"primaries {primaries} and the curve {curve}.*; convert it to sRGB"
    with pytest.raises(InvalidInput, match=said):
        seen(odd)
    plain = media.saved(scene, icc_profile=profile())
    assert np.array_equal(seen(pictures.with_chunks(plain, cicp(primaries, curve))), seen(plain))


@pytest.mark.parametrize(("primaries", "curve"), [(1, 13), (1, 1), (2, 2)])
def test_numbers_of_srgb_change_nothing(primaries: int, curve: int) -> None:
    plain = media.saved(media.scene())
    assert np.array_equal(seen(pictures.with_chunks(plain, cicp(primaries, curve))), seen(plain))
    both = pictures.with_chunks(media.saved(media.scene(), icc_profile=profile()), cicp(1, 13))
    assert np.array_equal(seen(both), seen(plain)), "the numbers count before a profile"
    cut = pictures.chunk(b"cICP", b"\x09")
    assert np.array_equal(seen(pictures.with_chunks(plain, cut)), seen(plain))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_srgb_and_what_is_no_profile_of_the_picture_change_nothing(kind: str) -> None:
    scene = media.scene()
    plain = seen(media.saved(scene, kind))
    damaged = profile()[:140] + b"\xff" * 100
    wrong_size = b"\xff\xff\xff\xff" + profile()[4:]
    for remark in (SRGB, b"no profile", damaged, wrong_size, gray_profile(1.0), b"\0" * 128):
        assert np.array_equal(seen(media.saved(scene, kind, icc_profile=remark)), plain)


def test_srgb_is_no_transform() -> None:
    assert colours_of(SRGB, "RGB") is None
    assert colours_of(profile(), "RGB") is colours_of(profile(), "P")
    assert colours_of(profile(), "L") is None
    usual = pictures.profile(RED, GREEN)
    assert profile_of_chunks(usual[:4], usual[4:]) == b""
    for nonsense in (b"\0" * 36, b"\xff" * 36, b"\0\0\0\1" * 9, usual[:4] + usual[4:12] * 4):
        assert profile_of_chunks(nonsense[:4], nonsense[4:]) == b""


def test_a_long_profile_is_applied() -> None:
    long = bytearray(profile() + b"\0" * 1_500_000)
    long[:4] = len(long).to_bytes(4, "big")
    plain = media.saved(media.scene())
    data = pictures.with_chunks(plain, pictures.chunk(b"iCCP", b"x\0\0" + zlib.compress(long)))
    assert len(data) < 10_000
    assert np.array_equal(seen(data), seen(media.saved(media.scene(), icc_profile=profile())))

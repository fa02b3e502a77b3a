"""Large pictures in strips: equal to the same pictures as a whole."""

import numpy as np
import pytest
from PIL import Image

from app.modalities import Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from tests import media

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16")


def noise(width: int, height: int, mode: str) -> Image.Image:
    random = np.random.default_rng(0)
    if mode == "I;16":
        return Image.fromarray(random.integers(0, 65536, (height, width), dtype=np.uint16))
    rgba = random.integers(0, 256, (height, width, 4), dtype=np.uint8)
    image = Image.fromarray(rgba, "RGBA")
    if mode in ("LA", "RGBA"):
        return image.convert(mode)
    return (
        image.convert("RGB").quantize(50)
        if mode in ("P", "PA")
        else image.convert("RGB").convert(mode)
    )


def file_of(image: Image.Image, mode: str, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    if mode in ("CMYK", "YCbCr"):
        return media.saved(image, "TIFF", compression="tiff_lzw", exif=exif)
    options = {"transparency": 3} if mode == "PA" else {}
    return media.saved(image, "PNG", exif=exif, **options)


def both_ways(data: bytes, monkeypatch, **spec) -> tuple[np.ndarray, np.ndarray]:
    encoder = encoder_for(ImageSpec(**spec), {})
    whole = encoder.encode(Payload(data, "image/x")).arrays["image"]
    with monkeypatch.context() as patch:
        for name in ("resize.STRIP", "resize.WHOLE", "upright.STRIP"):
            patch.setattr(f"app.modalities.image.{name}", 1000)
        strips = encoder.encode(Payload(data, "image/x")).arrays["image"]
    return whole, strips


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(20, 12), (70, 90)])
def test_strips_equal_the_whole_picture(mode, orientation, size, monkeypatch) -> None:
    data = file_of(noise(153, 131, mode), mode, orientation)
    spec = {"height": size[1], "width": size[0], "channels": 1 if orientation % 2 else 3}
    whole, strips = both_ways(data, monkeypatch, **spec)
    assert np.array_equal(whole, strips)


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(1500, 40), (40, 1500), (150, 131), (97, 89)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_every_fit_and_filter(fit, resample, size, kind, monkeypatch) -> None:
    data = media.saved(noise(*size, "RGB"), kind)
    spec = {"height": 33, "width": 48, "fit": fit, "resample": resample, "crop_fraction": 0.87}
    for channels in (1, 3):
        whole, strips = both_ways(data, monkeypatch, channels=channels, **spec)
        assert np.array_equal(whole, strips)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_picture_of_the_right_size(kind: str, monkeypatch) -> None:
    data = media.saved(noise(60, 50, "RGB"), kind)
    whole, strips = both_ways(data, monkeypatch, height=50, width=60)
    assert np.array_equal(whole, strips)

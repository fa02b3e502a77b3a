import numpy as np
import pytest
from PIL import Image

from app.modalities.image.resize import fit_image, seen_part, shrunk
from app.modalities.image.spec import ImageSpec
from tests import media

PILLOW = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


@pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [(224, 224), (300, 200), (451, 299), (640, 480), (230, 1000)])
def test_resize_is_within_levels_of_pillow(
    resample: str, channels: int, size: tuple[int, int]
) -> None:
    scene = media.scene(*size).convert("L" if channels == 1 else "RGB")
    spec = ImageSpec(height=48, width=64, fit="stretch", resample=resample)
    ours = fit_image(np.asarray(scene).reshape(size[1], size[0], channels), spec)
    theirs = np.asarray(scene.resize((64, 48), PILLOW[resample])).reshape(ours.shape)
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 3
    assert difference.mean() < 0.2


@pytest.mark.parametrize("crop_fraction", [1.0, 0.875])
@pytest.mark.parametrize("size", [(300, 200), (200, 333), (64, 64)])
def test_crop_is_within_levels_of_pillow(crop_fraction: float, size: tuple[int, int]) -> None:
    scene, side = media.scene(*size), crop_fraction * min(size)
    left, top = ((whole - side) / 2 for whole in size)
    box = (left, top, left + side, top + side)
    theirs = np.asarray(scene.resize((48, 48), Image.Resampling.BICUBIC, box))
    ours = fit_image(np.asarray(scene), ImageSpec(height=48, width=48, crop_fraction=crop_fraction))
    difference = np.abs(ours.astype(int) - theirs)
    assert difference.max() <= 6  # where noise is enlarged; Pillow clips between its passes
    assert difference.mean() < 0.2


@pytest.mark.parametrize("size", [(48, 48), (191, 191), (95, 4000)])
def test_small_picture_is_not_shrunk(size: tuple[int, int]) -> None:
    scene = media.scene(*size)
    assert shrunk(scene, ImageSpec(height=48, width=48)) is scene


@pytest.mark.parametrize("size", [(192, 192), (1000, 700), (2001, 203)])
def test_shrunk_keeps_twice_the_target_size(size: tuple[int, int]) -> None:
    spec = ImageSpec(height=48, width=48, fit="stretch")
    scene = media.scene(*size)
    less = shrunk(scene, spec)
    assert 96 <= min(less.size) < 192
    difference = fit_image(np.asarray(less), spec).astype(int) - fit_image(np.asarray(scene), spec)
    assert np.abs(difference).mean() < 1.5


@pytest.mark.parametrize(
    ("fit", "size", "part"),
    [
        ("stretch", (100, 50), (0, 0, 1, 1)),
        ("pad", (20, 40), (0, -0.5, 1, 1.5)),
        ("pad", (40, 20), (-0.5, 0, 1.5, 1)),
        ("crop", (100, 100), (0.25, 0.25, 0.75, 0.75)),
        ("crop", (100, 200), (0.375, 0.25, 0.625, 0.75)),
    ],
)
def test_the_part_that_is_seen_is_the_one_that_is_resized(fit, size, part) -> None:
    spec = ImageSpec(height=20, width=20, channels=1, fit=fit, crop_fraction=0.5)
    assert seen_part(*size, spec) == pytest.approx(part)
    height, width = size
    left, top, right, bottom = (max(0, min(1, edge)) for edge in part)
    pixels = np.zeros((*size, 1), np.uint8)  # white exactly where it is seen
    rows = slice(round(top * height), round(bottom * height))
    pixels[rows, round(left * width) : round(right * width)] = 255
    seen = fit_image(pixels, spec)
    margin = 1 - (bottom - top) * (right - left) / ((part[3] - part[1]) * (part[2] - part[0]))
    assert (seen == 0).mean() == pytest.approx(margin, abs=0.01)

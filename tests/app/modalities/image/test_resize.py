import numpy as np
import pytest
from PIL import Image

from app.modalities.image.resize import fit_image, shrunk
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

"""The numbers of the easy peers show what they should."""

from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.quality.features import BANDS, RATE, picture_features, pixels, statistics


def _tone(hertz: float, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE).astype(np.float32)


def test_a_higher_tone_is_loudest_in_a_higher_band() -> None:
    loudest = [int(statistics(_tone(f, 0.5), 0.5)[:BANDS].argmax()) for f in (200, 1000, 4000)]
    assert loudest == sorted(loudest)
    assert len(set(loudest)) == 3


def test_the_thirds_show_what_comes_first() -> None:
    rising = np.concatenate([_tone(300, 0.5), _tone(3000, 0.5)])
    one, other = statistics(rising, 1.0), statistics(rising[::-1].copy(), 1.0)
    assert np.allclose(one[:BANDS], other[:BANDS], atol=0.3)  # the mean over time
    assert np.abs(one - other).max() > 5


def test_loudness_changes_one_feature() -> None:
    tone = _tone(500, 0.5)
    one, other = statistics(tone, 0.5), statistics(tone / 16, 0.5)
    changed = np.flatnonzero(~np.isclose(one, other, atol=0.01))
    assert changed.tolist() == [441]
    assert np.isclose(one[441] - other[441], np.log(16), atol=0.01)


def test_a_sound_of_no_length_has_finite_features() -> None:
    found = statistics(np.zeros(0, np.float32), 0.0)
    assert found.shape == (443,)
    assert np.isfinite(found).all()


def test_grey_pictures_stay_grey_and_one_in_colour_makes_all_colour(tmp_path: Path) -> None:
    grey, red = tmp_path / "grey.png", tmp_path / "red.png"
    Image.new("L", (20, 10), 255).save(grey)
    Image.new("RGB", (20, 10), (255, 0, 0)).save(red)
    assert np.array_equal(pixels([grey], 4), np.ones((1, 16), np.float32))
    assert pixels([grey, red], 4).shape == (2, 48)


def test_a_picture_has_the_networks_features(tmp_path: Path) -> None:
    path = tmp_path / "red.png"
    Image.new("RGB", (50, 30), (200, 30, 30)).save(path)
    one, same = picture_features([path, path])
    assert one.shape == (1280,)
    assert np.array_equal(one, same)
    assert np.ptp(one) > 0

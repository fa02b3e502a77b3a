import numpy as np
import pytest

from training.outliers.drawn import (
    DIGITS_TO_THE_EYE,
    DRAWN_LETTERS,
    HELD_OUT_KINDS,
    SELECTION_KINDS,
)

KINDS = SELECTION_KINDS | HELD_OUT_KINDS
IMAGES = np.random.default_rng(0).integers(0, 256, (12, 28, 28)).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_outliers_keep_number_and_size(kind: str) -> None:
    one, other = (KINDS[kind](IMAGES, np.random.default_rng(7)) for _ in range(2))
    assert (one.shape, one.dtype) == (IMAGES.shape, IMAGES.dtype)
    assert np.array_equal(one, other)
    assert not (one == IMAGES).all(axis=(1, 2)).any()


def test_blank_pages_are_of_one_grey_each_black_and_white_among_them() -> None:
    pages = SELECTION_KINDS["blank pages"](IMAGES, np.random.default_rng(0)).reshape(12, -1)
    assert (pages == pages[:, :1]).all()
    assert {0, 255} <= set(pages[:, 0].tolist())


def test_half_are_turned_either_way() -> None:
    turned = SELECTION_KINDS["rotated by 90°"](IMAGES, np.random.default_rng(0))
    assert np.array_equal(turned[1::2], np.rot90(IMAGES[1::2], 1, (1, 2)))
    assert np.array_equal(turned[::2], np.rot90(IMAGES[::2], -1, (1, 2)))


def test_letters_are_drawn_as_digits_are_and_none_is_a_digit() -> None:
    assert not set(DIGITS_TO_THE_EYE) & set(DRAWN_LETTERS)
    drawn = SELECTION_KINDS["letters (DejaVu)"](IMAGES, np.random.default_rng(0)).astype(float)
    for letter in drawn:
        rows, columns = (np.flatnonzero(letter.any(axis)) for axis in (1, 0))
        assert max(np.ptp(rows), np.ptp(columns)) in (18, 19), "a box of 20"
        y, x = np.mgrid[:28, :28]
        centre = [(axis * letter).sum() / letter.sum() for axis in (y, x)]
        assert np.abs(np.asarray(centre) - 13.5).max() <= 1.5

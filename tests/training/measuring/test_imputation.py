"""What stands in for removed pixels: nothing is seen of a hole where the picture is smooth."""

import numpy as np
import pytest

from training.measuring.imputation import impute


def hole(*sizes: int) -> np.ndarray:
    gone = np.zeros(sizes, bool)
    gone[2:6, 3:9] = True
    return gone


@pytest.mark.parametrize("axis", [0, 1])
def test_imputation_continues_a_ramp(axis: int):
    ramp = np.moveaxis(np.broadcast_to(np.arange(12) * 20, (3, 12, 12)), 0, 2)
    image = np.ascontiguousarray(ramp.swapaxes(0, 1) if axis else ramp).astype(np.uint8)
    spoilt = np.where(hole(12, 12)[..., None], 255, image).astype(np.uint8)
    np.testing.assert_array_equal(impute(spoilt, hole(12, 12)), image)


def test_imputation_stays_between_its_neighbours():
    rng = np.random.default_rng(0)
    image = rng.integers(50, 200, (10, 14, 3)).astype(np.uint8)
    gone = hole(10, 14)
    filled = impute(image, gone)
    np.testing.assert_array_equal(filled[~gone], image[~gone])
    edge = image[1:7, 2:10][~gone[1:7, 2:10]]
    assert (filled[gone] >= edge.min(0)).all() and (filled[gone] <= edge.max(0)).all()
    assert filled[gone].std() < 0.7 * image[gone].std()


def test_imputation_of_a_corner_and_of_nothing():
    image = np.full((4, 4, 1), 77, np.uint8)
    corner = np.zeros((4, 4), bool)
    np.testing.assert_array_equal(impute(image, corner), image)
    corner[:2, :3] = True
    np.testing.assert_array_equal(impute(np.where(corner[..., None], 0, image), corner), image)

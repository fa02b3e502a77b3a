"""The two sides of the comparison of feature extraction compute the same embeddings."""

import pytest

from benchmarks.training.extraction import Extraction


@pytest.mark.training
def test_both_sides_compute_the_same() -> None:
    found = Extraction(texts=8)
    found.check()
    assert found.ours() > 0 and found.runtime() > 0

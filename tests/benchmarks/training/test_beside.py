"""What a run computes beside the fit: every second of it is in one of the shares."""

import pytest

from benchmarks.training.beside import Shares, measure


def test_the_share_is_that_of_the_figures() -> None:
    found = Shares(100, before=1.0, fit=15.0, export=3.0, after=1.0)
    assert found.beside == pytest.approx(0.05)


@pytest.mark.training
def test_a_run_is_read_fitted_exported_and_measured() -> None:
    found = measure("texts", 300)
    assert min(found.before, found.fit, found.export, found.after) > 0
    assert found.samples == 300

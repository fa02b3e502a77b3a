"""What is read from wrk."""

import pytest

from benchmarks.load import parse

PRINTED = """Running 2s test @ http://127.0.0.1:1/
  2 threads and 32 connections
Requests/sec:   1234.00

{"requests": 2468, "seconds": 2.0, "p50": 0.01, "p99": 0.03, "worst": 0.1, "errors": 1}
"""


def test_wrk_figures_are_the_last_line() -> None:
    load = parse(PRINTED)
    assert load.rate == pytest.approx(1234)
    assert (load.p50, load.p99, load.worst, load.errors) == (0.01, 0.03, 0.1, 1)

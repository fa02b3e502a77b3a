"""Requests start by the clock, and what waits for a connection has waited."""

from benchmarks.forms import raw
from benchmarks.openloop import drive_steadily
from tests.benchmarks.servers import answering


def test_every_payload_is_sent_in_turn() -> None:
    with answering() as (url, bodies):
        load = drive_steadily(raw(url, "text/plain", (b"one", b"two")), 100, 2, 0.2)
    assert sorted(bodies) == [b"one"] * 10 + [b"two"] * 10
    assert (load.requests, load.errors) == (20, 0)
    assert 0 < load.p50 <= load.p99 <= load.worst


def test_waiting_for_the_only_connection_counts() -> None:
    with answering(delay=0.02) as (url, _):
        load = drive_steadily(raw(url, "text/plain", (b"x",)), 500, 1, 0.04)
    assert load.worst > 0.3  # the last of 20 waits for the 19 before it


def test_refused_request_is_an_error() -> None:
    with answering(status=503) as (url, _):
        assert drive_steadily(raw(url, "text/plain", (b"x",)), 100, 1, 0.03).errors == 3

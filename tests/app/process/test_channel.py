import pytest

from app.process.channel import REPORT_SIZE, Report, latest_report


@pytest.mark.parametrize(
    "report", [Report(), Report(True, False, 7, 3, 9), Report(False, True, 2**32 - 1, 1)]
)
def test_a_report_arrives_as_it_was_sent(report: Report) -> None:
    assert len(report.pack()) == REPORT_SIZE
    assert latest_report(Report(True, True, 1, 1).pack() + report.pack()) == report


@pytest.mark.parametrize(
    ("received", "sent", "expected"), [(5, 5, 2), (5, 8, 5), (2**32 + 5, 2**32 + 8, 5)]
)
def test_connections_are_those_that_are_open_and_those_on_their_way(
    received: int, sent: int, expected: int
) -> None:
    report = latest_report(Report(received=received, open=2).pack())
    assert report.connections(sent) == expected

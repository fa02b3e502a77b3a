import json
import logging

from app.telemetry import JsonLines, Metrics, Timings


def test_timings_add_up_and_are_rendered() -> None:
    timings = Timings()
    for _ in range(2):
        with timings.measure("encode"):
            pass
    timings.stages["infer"] = 0.0125
    assert list(timings.stages) == ["encode", "infer"]
    assert timings.header().endswith(", infer;dur=12.50")


def test_a_stage_that_fails_is_timed_too() -> None:
    timings = Timings()
    try:
        with timings.measure("encode"):
            raise ValueError
    except ValueError:
        assert "encode" in timings.stages


def test_a_log_line_is_one_json_object() -> None:
    record = logging.makeLogRecord(
        {"msg": "request", "levelname": "INFO", "fields": {"path": "/a\n\x1b[2J\x9b\u2028é"}}
    )
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable(), "nothing that a terminal would obey"
    assert json.loads(line)["path"] == "/a\n\x1b[2J\x9b\u2028é"
    assert json.loads(line)["event"] == "request"


def test_each_service_counts_for_itself() -> None:
    one, other = Metrics(), Metrics()
    one.answered(200)
    assert b'status="200"' in one.render()
    assert b'status="200"' not in other.render()

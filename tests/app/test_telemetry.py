import json
import logging

from app.telemetry import JsonLines, Timings, failure


def test_timings_are_rendered_in_order() -> None:
    timings = Timings()
    timings.lap("encode")
    timings.lap("infer")
    assert list(timings.stages) == ["encode", "infer"]
    timings.stages["infer"] = 0.0125
    assert timings.header().endswith(", infer;dur=12.50")


def test_a_log_line_is_one_json_object() -> None:
    record = logging.makeLogRecord(
        {"msg": "request", "levelname": "INFO", "fields": {"path": "/a\n\x1b[2J\x9b\u2028é"}}
    )
    line = JsonLines().format(record)
    assert line.isascii()
    assert line.isprintable(), "nothing that a terminal would obey"
    assert json.loads(line)["path"] == "/a\n\x1b[2J\x9b\u2028é"
    assert json.loads(line)["event"] == "request"


def test_a_failure_has_the_traceback_of_an_error(caplog, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger("thalamus"), "propagate", True)
    failure("failed", ValueError("wrong"), work="save")
    line = json.loads(JsonLines().format(caplog.records[-1]))
    assert (line["event"], line["level"], line["work"]) == ("failed", "error", "save")
    assert line["error"] == "ValueError: wrong"

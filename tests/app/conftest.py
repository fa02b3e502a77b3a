import json
import logging

import pytest

from app.telemetry import JsonLines


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[dict]:
    """Every line of the log so far, as it is written."""
    written: list[dict] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(JsonLines().format(record)))

    logger = logging.getLogger("thalamus")
    monkeypatch.setattr(logger, "handlers", [Kept()])
    monkeypatch.setattr(logger, "propagate", False)
    logger.setLevel(logging.INFO)  # `_logging_as_before` restores it
    return written

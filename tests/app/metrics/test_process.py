import os
import sys
import time

import pytest

from app.metrics import families
from app.metrics.process import ProcessUsage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_the_usage_of_this_process_is_read() -> None:
    usage = ProcessUsage()
    before = dict(usage.read())
    assert before.keys() == {
        families.MEMORY,
        families.CPU_SECONDS,
        families.OPEN_FDS,
        families.MAX_FDS,
        families.START_TIME,
    }
    assert time.time() - 24 * 3600 < before[families.START_TIME] <= time.time()
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
    block = bytearray(b"x" * 2**26)
    after = dict(usage.read())
    for descriptor in held:
        os.close(descriptor)
    assert after[families.OPEN_FDS] == before[families.OPEN_FDS] + 5
    assert after[families.MEMORY] > before[families.MEMORY] + len(block) / 2
    assert after[families.START_TIME] == before[families.START_TIME]


def test_without_a_free_descriptor_some_values_are_missing(monkeypatch) -> None:
    usage = ProcessUsage()

    def refused(*_args, **_options):
        raise OSError(24, "too many open files")

    monkeypatch.setattr("pathlib.Path.read_text", refused)
    monkeypatch.setattr("pathlib.Path.stat", refused)
    assert families.MEMORY not in dict(usage.read())
    assert families.CPU_SECONDS in dict(usage.read())

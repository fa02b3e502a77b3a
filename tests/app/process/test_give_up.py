import subprocess
import sys

import pytest

from app.process.give_up import STATUS


@pytest.mark.slow
def test_it_logs_every_thread_and_ends_the_process_although_a_thread_hangs() -> None:
    program = (
        "import threading; from app.process.give_up import give_up; "
        "from app.telemetry import configure_logging; configure_logging(); "
        "hang = threading.Event().wait; threading.Thread(target=hang).start(); give_up('digits')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == STATUS
    assert '"model": "digits"' in ended.stderr
    assert ended.stderr.count("Thread 0x") + ended.stderr.count("Current thread 0x") == 2

"""/proc/PID/stat, of this process and of one whose name holds what separates the fields."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.process_stat import RESIDENT_PAGES, START_TICKS, STATE, process_stat

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is a file of Linux")


def test_the_fields_are_those_of_this_process() -> None:
    fields = process_stat()
    assert fields[START_TICKS] == process_stat(os.getpid())[START_TICKS]
    assert int(fields[RESIDENT_PAGES]) * os.sysconf("SC_PAGE_SIZE") > 2**20
    since_boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    assert 0 < int(fields[START_TICKS]) / os.sysconf("SC_CLK_TCK") <= since_boot


@pytest.mark.slow
def test_the_name_of_the_program_may_hold_spaces_and_brackets(tmp_path: Path) -> None:
    program = tmp_path / "a) R (b"
    shutil.copy(shutil.which("sleep") or "", program)
    process = subprocess.Popen([program, "60"])
    try:
        fields = process_stat(process.pid)
    finally:
        process.kill()
        process.wait()
    assert len(fields) == len(process_stat())
    assert int(fields[STATE + 1]) == os.getpid()  # its parent


@pytest.mark.slow
def test_a_process_that_is_gone_raises_an_os_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with pytest.raises(OSError, match=str(process.pid)):
        process_stat(process.pid)

import os
import signal

import pytest

from app.shared_bytes import SHARED_BYTES, SharedBytes
from tests.app.test_shared_numbers import in_a_worker

pytestmark = pytest.mark.slow


def test_the_latest_bytes_of_any_worker_count() -> None:
    shared = SharedBytes(3)
    assert shared.latest() is None

    def put(index: int, content: bytes) -> None:
        shared.join(index)
        shared.put(content)

    shared.put(b"first")
    assert in_a_worker(lambda: put(2, b"second")) == 0
    assert shared.latest() == b"second"
    assert in_a_worker(lambda: put(1, b"")) == 0
    assert shared.latest() == b"", "nothing is a content too"


def test_bytes_of_a_killed_worker_stay() -> None:
    shared = SharedBytes(2)

    def put_and_die() -> None:
        shared.join(1)
        shared.put(b"kept")
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_worker(put_and_die) == -signal.SIGKILL
    assert shared.latest() == b"kept"


def test_bytes_that_were_written_in_part_do_not_count(monkeypatch) -> None:
    shared = SharedBytes(2)
    shared.put(b"whole")

    def die_while_writing() -> None:
        shared.join(1)
        shared.put(b"before")
        monkeypatch.setattr("app.shared_bytes._checksum", lambda *_: os.kill(os.getpid(), 9))
        shared.put(b"half")

    assert in_a_worker(die_while_writing) == -signal.SIGKILL
    assert shared.latest() == b"whole"


def test_what_does_not_fit_is_refused() -> None:
    shared = SharedBytes()
    shared.put(bytes(SHARED_BYTES))
    assert shared.latest() == bytes(SHARED_BYTES)
    with pytest.raises(ValueError, match="at most"):
        shared.put(bytes(SHARED_BYTES + 1))
    assert shared.latest() == bytes(SHARED_BYTES)

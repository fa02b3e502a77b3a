"""A head that could not start a process for a command is asked once more."""

import pytest

from app.cluster.address import HeadAddress
from app.cluster.failures import NOT_STARTED
from app.cluster.joining import become_client
from app.errors import ClusterError

HEAD = HeadAddress("127.0.0.1", 10001)


class Unlucky:
    """Ray, whose head cannot start a process for the first so many clients."""

    def __init__(self, times: int) -> None:
        self.times, self.calls = times, list[str]()

    def init(self, *_: object, **__: object) -> None:
        self.calls.append("init")
        if len(self.calls) <= 2 * self.times:
            raise ConnectionAbortedError(f"a traceback\n{NOT_STARTED}. See …")

    def shutdown(self) -> None:
        self.calls.append("shutdown")


def test_a_process_that_did_not_start_is_asked_for_once_more() -> None:
    ray = Unlucky(1)
    become_client(ray, HEAD)
    assert ray.calls == ["init", "shutdown", "init"]


def test_twice_is_a_fault_of_the_head() -> None:
    ray = Unlucky(2)
    with pytest.raises(ClusterError, match="the head cannot start a process for this command"):
        become_client(ray, HEAD)
    assert ray.calls == ["init", "shutdown", "init"]

"""What a head answers a command that joins it, and what is asked once more."""

import pytest

from app.cluster.address import HeadAddress
from app.cluster.failures import NOT_STARTED
from app.cluster.joining import join_cluster
from app.errors import ClusterError
from benchmarks.fleet.nodes import RayCluster

pytestmark = [pytest.mark.ray, pytest.mark.slow]


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


@pytest.fixture
def head(cluster: RayCluster, monkeypatch: pytest.MonkeyPatch) -> HeadAddress:
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
        monkeypatch.setenv(name, cluster.environment[name])
    return HeadAddress("127.0.0.1", cluster.client_port)


def test_a_process_that_did_not_start_is_asked_for_once_more(head: HeadAddress) -> None:
    ray = Unlucky(1)
    join_cluster(ray, head)
    assert ray.calls == ["init", "shutdown", "init"]


def test_twice_is_a_fault_of_the_head(head: HeadAddress) -> None:
    ray = Unlucky(2)
    with pytest.raises(ClusterError, match="the head cannot start a process for this command"):
        join_cluster(ray, head)
    assert ray.calls == ["init", "shutdown", "init"]

"""A Ray cluster that commands can join."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.fleet.nodes import RayCluster, ray_cluster


@contextmanager
def joinable_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """A cluster whose token the commands know that are started meanwhile."""
    with ray_cluster(nodes) as cluster, pytest.MonkeyPatch.context() as patch:
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN"):
            patch.setenv(name, cluster.environment[name])
        yield cluster

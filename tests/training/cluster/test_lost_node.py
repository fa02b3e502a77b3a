"""A node that is lost is replaced; of its own, because a machine runs one head at a time."""

import pytest

from benchmarks.fleet.commands import Training, ended, read_until
from tests.training.cluster.conftest import TRAINED
from tests.training.cluster.joining import joinable_cluster

pytestmark = pytest.mark.ray


def test_a_node_that_is_lost_is_replaced_by_another(
    training: Training, of_torchrun: dict[str, bytes]
) -> None:
    with joinable_cluster(3) as cluster:
        running = training.start(*TRAINED, "--on", cluster.client, "--workers", "2")
        said = read_until(running, "epoch   2/4")
        process = {training.process(rank) for rank in range(2)}
        lost = next(node for node in cluster.nodes[1:] if process & set(node.members()))
        lost.kill()
        status, out, err = ended(running, said)
    assert status == 0, err
    assert "resuming after epoch " in out
    assert training.published() == of_torchrun

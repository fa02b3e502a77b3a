"""The connection to a Ray cluster, and what runs on it: tasks on every node, a driver on the head.

`local` starts a cluster of one node that ends with the context. `ray://HOST:PORT` joins a running
one through Ray Client. Ray Data, Ray Train and Ray Serve want their driver inside of the cluster,
so nothing but calls passes the client: whatever drives them runs on the head (`Cluster.stream`).

A connection is made within `_PATIENCE` seconds or refused in one line, and nobody works on a
cluster one of whose nodes has another version of Thalamus, Ray or Python.

Limits: one connection for each process at a time. Who is let into a cluster can run any code there;
Ray keeps others away by a token, which all machines share (`RAY_AUTH_TOKEN`, `~/.ray/auth_token`).
"""

import shutil
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from app.cluster.address import LOCAL, HeadAddress, read_address
from app.cluster.failures import failure_on_cluster
from app.cluster.joining import join_cluster
from app.cluster.ray_library import load_ray, token_of_its_own
from app.cluster.versions import check_versions, versions_of_process
from app.errors import ClusterError

Produced = TypeVar("Produced")
HEAD_NODE = "node:__internal_head__"  # a resource that Ray gives to the head only
OBJECT_STORE = 256 * 2**20  # bytes of shared memory of a local cluster: chunks on their way
_PATIENCE = 60.0  # seconds in which every node must answer; its first process starts meanwhile
_AHEAD = 2  # values of a stream that are asked for before the one before is used


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster. id: Ray's. name: its address, and its name where it has another."""

    id: str
    name: str
    cpus: float
    gpus: float
    is_head: bool


def room_for(cpus: int, nodes: Iterable[Node]) -> int:
    """Return how many processes with so many CPUs each the nodes have room for."""
    return sum(int(node.cpus // cpus) for node in nodes)


class Cluster:
    """A connected cluster. nodes: those that were there when it was connected, the head first."""

    def __init__(self, ray: ModuleType) -> None:
        self.ray = ray
        self.nodes = tuple(sorted(_nodes(ray), key=lambda node: (not node.is_head, node.name)))
        self.names = {node.id: node.name for node in self.nodes}

    def on_each_node(
        self, function: Callable[..., Produced], *arguments: Any, seconds: float = _PATIENCE
    ) -> list[tuple[Node, Produced]]:
        """Run a function on every node at once, and return what each returned.

        Raises the `ThalamusError` that the function raised, and `ClusterError` for whatever else
        happens to a node; both name the node.
        """
        ray = self.ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = ray.remote(num_cpus=0, max_retries=1)(function)
        refs = {}
        for node in self.nodes:
            there = NodeAffinitySchedulingStrategy(node.id, soft=False)
            refs[task.options(scheduling_strategy=there).remote(*arguments)] = node
        done, late = ray.wait(list(refs), num_returns=len(refs), timeout=seconds)
        for ref in late:
            raise ClusterError(f"node {refs[ref].name}: no answer within {seconds:g} s")
        return [(refs[ref], self._get(ref, refs[ref])) for ref in refs if ref in done]

    def stream(
        self, produce: Callable[..., Iterator[Produced]], *arguments: Any
    ) -> Generator[Produced, None, None]:
        """Yield what a generator function yields that runs inside of the cluster, on its head.

        Closing the stream ends its process there. Raises the `ThalamusError` that the function
        raises, and `ClusterError` for whatever else happens.
        """
        try:
            yield from self._stream_from_head(produce, arguments)
        except (GeneratorExit, KeyboardInterrupt):
            raise
        except Exception as error:
            raise failure_on_cluster(error, self.names) from error

    def _stream_from_head(
        self, produce: Callable[..., Iterator[Produced]], arguments: tuple[Any, ...]
    ) -> Iterator[Produced]:
        there = {HEAD_NODE: 0.001}
        made = self.ray.remote(num_cpus=0, resources=there)(Producer).remote(produce, *arguments)
        waiting = [made.next.remote() for _ in range(_AHEAD)]
        try:
            while values := self.ray.get(waiting.pop(0)):
                waiting.append(made.next.remote())
                yield from values
        finally:
            with suppress(Exception):  # the head may be gone
                self.ray.kill(made)  # and with it what it has started

    def _get(self, ref: Any, node: Node) -> Any:
        try:
            return self.ray.get(ref)
        except Exception as error:
            raise failure_on_cluster(error, self.names, f"node {node.name}") from error


class Producer:
    """Runs a generator inside of the cluster, one value for each call; it is an actor there."""

    def __init__(self, produce: Callable[..., Iterator[Any]], *arguments: Any) -> None:
        self._values = produce(*arguments)

    def next(self) -> list[Any]:
        """Return the next value in a list, an empty one after the last."""
        for value in self._values:
            return [value]
        return []


@contextmanager
def connect(address: str, cpus: int | None = None) -> Iterator[Cluster]:
    """Connect to a cluster until the end of the context; raise `ClusterError` in one line.

    address: `local` or `ray://HOST:PORT`. cpus: of a local cluster; None: those of this machine.
    """
    head = read_address(address)
    with ExitStack() as stack:
        if head is None:
            stack.enter_context(token_of_its_own())
        ray = load_ray()
        if ray.is_initialized():
            raise ClusterError(f"{address}: this process is connected to a cluster already")
        if head is None:
            folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # paths of sockets must be short
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            stack.callback(_disconnect, ray)
            _start(ray, cpus, folder)
        else:
            stack.callback(_disconnect, ray)
            join_cluster(ray, head)
        yield _checked(ray, head)


def _disconnect(ray: ModuleType) -> None:
    with suppress(Exception):  # of a connection that is lost
        ray.shutdown()


def _start(ray: ModuleType, cpus: int | None, folder: str) -> None:
    try:
        ray.init(
            address="local",
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="CRITICAL",
            object_store_memory=OBJECT_STORE,
            _temp_dir=folder,
        )
    except Exception as error:
        raise failure_on_cluster(error, {}, LOCAL) from error


def _checked(ray: ModuleType, head: HeadAddress | None) -> Cluster:
    """Return the cluster whose nodes all have the versions of this process."""
    try:
        cluster = Cluster(ray)
    except Exception as error:
        raise failure_on_cluster(error, {}, str(head)) from error
    found = cluster.on_each_node(versions_of_process())
    check_versions((node.name, versions) for node, versions in found)
    return cluster


def _nodes(ray: ModuleType) -> Iterator[Node]:
    for each in ray.nodes():
        if each["Alive"]:
            address, name = each["NodeManagerAddress"], each.get("NodeName", "")
            has = each["Resources"]
            shown = address if name in ("", address) else f"{address} ({name})"
            cpus, gpus = has.get("CPU", 0.0), has.get("GPU", 0.0)
            yield Node(each["NodeID"], shown, cpus, gpus, HEAD_NODE in has)

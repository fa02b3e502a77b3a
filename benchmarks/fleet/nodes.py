"""A Ray cluster on this machine: a head and further nodes, each as `ray start` starts them."""

import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks import machine
from benchmarks.servers import ROOT, free_port

STORE = 200 * 2**20  # bytes of shared memory of a node
_PATIENCE = 180.0
_RAY = (sys.executable, "-m", "ray.scripts.scripts")


class DidNotStart(Exception):
    """A node did not start; the text has the end of its log."""


@dataclass
class RayNode:
    """One node: the process of `ray start --block`, which ends those that it has started."""

    process: subprocess.Popen[bytes]
    log: Path

    def members(self) -> list[int]:
        """Return the ids of its processes."""
        return machine.tree(self.process.pid) if self.process.poll() is None else []

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        if self.process.poll() is None:
            machine.signal_tree(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class RayCluster:
    """A running cluster. address: for drivers inside of it. client: for commands (`--on`)."""

    folder: Path
    port: int
    client_port: int
    dashboard_port: int
    token: str = field(default_factory=partial(secrets.token_hex, 32))
    nodes: list[RayNode] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where its head is, for Ray's own commands."""
        return f"127.0.0.1:{self.port}"

    @property
    def client(self) -> str:
        """Where commands of Thalamus reach it."""
        return f"ray://127.0.0.1:{self.client_port}"

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of its nodes, and of commands that drive it."""
        own = {"RAY_ADDRESS": self.address, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}
        # gRPC's handlers of forks ended some processes that the head starts for clients at once.
        advised = {"RAY_USAGE_STATS_ENABLED": "0", "GRPC_ENABLE_FORK_SUPPORT": "0"}
        return {**os.environ, **own, **advised}

    def add_node(
        self,
        cpus: int = 1,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> RayNode:
        """Start a node and wait until it has joined.

        environment: besides this process's own. before: a command that runs the node's, such as
        `unshare`.
        """
        first = not self.nodes
        where = [f"--address={self.address}"]
        if first:
            where = ["--head", f"--port={self.port}", f"--temp-dir={self.folder}"]
            where += [f"--ray-client-server-port={self.client_port}", "--disable-usage-stats"]
            where += ["--include-dashboard=true", f"--dashboard-port={self.dashboard_port}"]
        own = [f"--num-cpus={cpus}", f"--object-store-memory={STORE}", "--block"]
        log = self.folder.with_name(f"{self.folder.name}-{len(self.nodes)}.log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*before, *_RAY, "start", *where, *own, *options],
                cwd=ROOT,
                env={**self.environment, **(environment or {})},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        node = RayNode(process, log)
        self.nodes.append(node)
        self._wait(node)
        return node

    def run(self, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one of Ray's own commands, `ray` or `serve`, with the cluster's address."""
        return subprocess.run(
            [*_RAY, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def processes(self, title: str) -> list[int]:
        """Return the ids of the processes on all nodes that have this title, or more behind it.

        `ray::ServeReplica:thalamus:digits` is not `ray::ServeReplica:thalamus:digits-autoencoder`.
        """
        titled = re.compile(re.escape(title.encode()) + rb"(?![\w-])")
        pids = [pid for node in self.nodes for pid in node.members()]
        return [pid for pid in pids if titled.match(machine.command_line(pid))]

    def _wait(self, node: RayNode) -> None:
        ended = time.monotonic() + _PATIENCE
        while b"Ray runtime started" not in node.log.read_bytes():
            if node.process.poll() is not None or time.monotonic() > ended:
                raise DidNotStart(node.log.read_text(errors="replace")[-2000:])
            time.sleep(0.05)

    def stop(self) -> None:
        """End every node, and what has left its node's tree: it would keep ports of the next."""
        for node in reversed(self.nodes):
            node.kill()
        for pid in machine.with_environment("RAY_AUTH_TOKEN", self.token):
            with suppress(ProcessLookupError):  # it ended
                os.kill(pid, signal.SIGKILL)


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """Start a cluster of so many nodes of one CPU each, and end it afterwards."""
    with ExitStack() as stack:
        # Ray's sockets are below it, and their paths must be short.
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="f-", dir="/tmp"))
        cluster = RayCluster(Path(folder) / "r", *_three_free_ports())
        cluster.folder.mkdir()
        stack.callback(cluster.stop)
        for _ in range(nodes):
            cluster.add_node()
        yield cluster


def _three_free_ports() -> tuple[int, int, int]:
    port = free_port()  # like the two after it
    return port, port + 1, port + 2

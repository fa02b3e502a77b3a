"""Open-loop load: requests start at fixed times, whether or not others have been answered.

A latency counts from the time at which its request should have started, so that a stalled server
gets no advantage from the clients that it keeps waiting (coordinated omission).
"""

import re
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.forms import Requests
from benchmarks.load import Load

_HEAD = re.compile(rb"HTTP/1.1 (\d+).*?content-length: (\d+).*?\r\n\r\n", re.IGNORECASE | re.DOTALL)
PATIENCE = 10  # seconds without any answer before the rest counts as errors


@dataclass(eq=False)
class _Connection:
    """One keep-alive connection with at most one request in flight."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    intended: float = 0.0

    def status(self) -> int | None:
        """Add received bytes; return the status when the answer is complete, and discard it."""
        self.received += self.socket.recv(65536)
        found = _HEAD.match(self.received)
        if found is None or len(self.received) - found.end() < int(found[2]):
            return None
        status = int(found[1])
        self.received.clear()
        return status


def drive_steadily(requests: Requests, rate: float, clients: int, seconds: float) -> Load:
    """Send `rate` evenly spaced requests a second on at most `clients` connections."""
    address = urlsplit(requests.url)
    wires = [_wire(requests, body) for body in requests.bodies]
    connections = [
        _Connection(socket.create_connection((address.hostname or "", address.port or 80)))
        for _ in range(clients)
    ]
    for connection in connections:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        latencies, errors = _run(connections, wires, rate, round(rate * seconds))
    finally:
        for connection in connections:
            connection.socket.close()
    ordered = sorted(latencies)
    p50, p99 = ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]
    return Load(len(ordered), len(ordered) / rate, p50, p99, ordered[-1], errors)


def _run(
    connections: list[_Connection], wires: list[bytes], rate: float, total: int
) -> tuple[list[float], int]:
    """Return the latency of every answer, and how many were errors or missing."""
    free, arrivals = deque(connections), select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    for number in by_number:
        arrivals.register(number, select.EPOLLIN)
    latencies: list[float] = []
    sent = failed = 0
    start = time.perf_counter()
    while len(latencies) < total:
        while sent < total and free and start + sent / rate <= time.perf_counter():
            connection = free.popleft()
            connection.intended = start + sent / rate
            connection.socket.sendall(wires[sent % len(wires)])
            sent += 1
        due = start + sent / rate - time.perf_counter() if sent < total and free else PATIENCE
        ready = arrivals.poll(max(0.0, due))
        if not ready and due == PATIENCE:
            break
        for number, _ in ready:
            connection = by_number[number]
            if (status := connection.status()) is not None:
                latencies.append(time.perf_counter() - connection.intended)
                failed += status != 200
                free.append(connection)
    arrivals.close()
    return latencies, failed + total - len(latencies)


def _wire(requests: Requests, body: bytes) -> bytes:
    address = urlsplit(requests.url)
    headers = {"Host": address.netloc, "Content-Length": str(len(body)), **requests.headers}
    rows = [f"POST {address.path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
    return "\r\n".join(rows).encode() + body

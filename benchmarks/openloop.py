"""Open-loop load: requests start when the clock says so, whether or not others were answered.

A latency counts from the moment at which its request should have started, so that a server
which stalls is not excused by the clients that it keeps waiting (coordinated omission).
"""

import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from benchmarks.forms import Requests
from benchmarks.load import Load

PATIENCE = 10  # seconds without any answer before the rest counts as errors


@dataclass(eq=False)
class _Connection:
    """One keep-alive connection with at most one request on its way."""

    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    intended: float = 0.0

    def fileno(self) -> int:
        return self.socket.fileno()

    def status(self) -> int | None:
        """Return the status once the answer is whole, and forget the answer."""
        head, mark, body = self.received.partition(b"\r\n\r\n")
        if not mark or len(body) < _length(bytes(head)):
            return None
        self.received.clear()
        return int(head[9:12])


def drive_steadily(requests: Requests, rate: float, clients: int, seconds: float) -> Load:
    """Ask `rate` times a second over at most `clients` connections, evenly spaced."""
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
    free, busy = deque(connections), set[_Connection]()
    latencies: list[float] = []
    sent = failed = 0
    start = time.perf_counter()
    while len(latencies) < total:
        while sent < total and free and start + sent / rate <= time.perf_counter():
            connection = free.popleft()
            connection.intended = start + sent / rate
            connection.socket.sendall(wires[sent % len(wires)])
            busy.add(connection)
            sent += 1
        due = start + sent / rate - time.perf_counter() if sent < total and free else PATIENCE
        ready = select.select(list(busy), [], [], max(0.0, due))[0]
        if not ready and due == PATIENCE:
            break
        for connection in ready:
            connection.received += connection.socket.recv(65536)
            if (status := connection.status()) is not None:
                latencies.append(time.perf_counter() - connection.intended)
                failed += status != 200
                busy.remove(connection)
                free.append(connection)
    return latencies, failed + total - len(latencies)


def _wire(requests: Requests, body: bytes) -> bytes:
    address = urlsplit(requests.url)
    headers = {"Host": address.netloc, "Content-Length": str(len(body)), **requests.headers}
    rows = [f"POST {address.path} HTTP/1.1", *(f"{n}: {v}" for n, v in headers.items()), "", ""]
    return "\r\n".join(rows).encode() + body


def _length(head: bytes) -> int:
    rows = head.lower().split(b"\r\n")
    return next(int(row[15:]) for row in rows if row.startswith(b"content-length:"))

"""An asyncio load generator: many connections in one process, open or closed loop.

A latency of the open loop counts from the moment at which the request should have been sent.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.queueing import poisson
from benchmarks.reliability.client import HOST, percentile

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_TIMEOUT = 60
_MOST_CONNECTIONS = 3_000

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Timed:
    """One request. `at`: when it was due; status 0: no answer came, for the reason `lost`."""

    at: float
    seconds: float
    status: int
    retry_after: bool = False
    lost: str = ""

    @property
    def done(self) -> float:
        """When the answer had come."""
        return self.at + self.seconds


@dataclass
class Generator:
    """Sends `wire`, the bytes of a request, to a port; connections are kept and used again.

    They are used in turn, so that all workers get the same share: the connection that was answered
    last is often that of a worker that refuses.
    """

    port: int
    wire: bytes
    idle: deque[Streams] = field(default_factory=deque)

    async def connect(self, connections: int) -> None:
        """Open connections before they are needed, as many clients have them."""
        for _ in range(connections):
            self.idle.append(await asyncio.open_connection(HOST, self.port))

    async def closed(self, clients: int, seconds: float) -> list[Timed]:
        """Let each client send its next request after its last answer."""
        found: list[Timed] = []
        ended = time.perf_counter() + seconds

        async def client() -> None:
            while time.perf_counter() < ended:
                await self._one(found, time.perf_counter())

        await asyncio.gather(*(client() for _ in range(clients)))
        return found

    async def steady(self, rate: float, seconds: float) -> list[Timed]:
        """Send `rate` requests a second, whether or not others are answered; wait for the rest.

        After the first, they come at random times (a Poisson process), as those of users who do not
        know each other.
        """
        found, pending = await self.start(rate, seconds)
        await asyncio.gather(*pending)
        return found

    async def start(
        self, rate: float, seconds: float
    ) -> tuple[list[Timed], set[asyncio.Task[None]]]:
        """Like `steady`, without waiting for those that are not answered at the end."""
        found: list[Timed] = []
        pending: set[asyncio.Task[None]] = set()
        started = time.perf_counter()
        times = poisson(2 + int(1.5 * rate * seconds)) / rate
        times -= times[0]
        for due in (started + times[times < seconds]).tolist():
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            if len(pending) >= _MOST_CONNECTIONS:
                found.append(Timed(due, 0, 0, lost="no connection left"))
                continue
            task = asyncio.create_task(self._one(found, due))
            pending.add(task)
            task.add_done_callback(pending.discard)
        return found, pending

    async def close(self) -> None:
        """Close the idle connections."""
        for _, writer in self.idle:
            writer.close()
        self.idle.clear()

    async def _one(self, found: list[Timed], due: float) -> None:
        writer = None
        try:
            async with asyncio.timeout(_TIMEOUT):
                if self.idle:
                    reader, writer = self.idle.popleft()
                else:
                    reader, writer = await asyncio.open_connection(HOST, self.port)
                head = await exchange(reader, writer, self.wire)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as error:
            if writer is not None:
                writer.close()
            lost = type(error).__name__
            found.append(Timed(due, time.perf_counter() - due, 0, lost=lost))
            return
        if head.closes:
            writer.close()
        else:
            self.idle.append((reader, writer))
        seconds = time.perf_counter() - due
        found.append(Timed(due, seconds, head.status, head.retry_after))


@dataclass(frozen=True)
class Head:
    """The head of a response whose body was read and thrown away."""

    status: int
    closes: bool
    retry_after: bool


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: bytes) -> Head:
    """Send a request and read its answer; raise `OSError` or `IncompleteReadError`."""
    writer.write(wire)
    data = await reader.readuntil(b"\r\n\r\n")
    if length := _LENGTH.search(data):
        await reader.readexactly(int(length[1]))
    lowered = data.lower()
    closes = b"\r\nconnection: close" in lowered
    return Head(int(data[9:12]), closes, b"\r\nretry-after:" in lowered)


def rate_of(found: Sequence[Timed], since: float, until: float) -> float:
    """Return the requests a second that were answered with 200 in a window of time."""
    return sum(t.status == 200 and since <= t.done < until for t in found) / (until - since)


def latencies(found: Sequence[Timed], status: int) -> list[float]:
    """Return the latencies of the answers with a status, in order of size."""
    return sorted(timed.seconds for timed in found if timed.status == status)


def recovery(found: Sequence[Timed], since: float, normal: float) -> float:
    """Return the seconds after `since` until the service is normal again; infinity if never.

    It is normal in a quarter second in which all are answered with 200 and the median latency is
    at most `normal` seconds; it has recovered where four of them begin.
    """
    quarters: dict[int, list[Timed]] = {}
    for timed in found:
        quarters.setdefault(int((timed.at - since) * 4), []).append(timed)
    row = 0
    for index in range(max(quarters, default=-1) + 1):
        row = row + 1 if _is_normal(quarters.get(index, []), normal) else 0
        if row == 4:
            return (index - 3) / 4
    return float("inf")


def _is_normal(found: Sequence[Timed], normal: float) -> bool:
    seconds = latencies(found, 200)
    return len(seconds) == len(found) and (not found or percentile(seconds, 0.5) <= normal)

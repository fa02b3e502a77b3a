"""What the load generator counts, on a server of a few lines."""

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest

from benchmarks.queueing import poisson
from benchmarks.reliability.generator import (
    Generator,
    Timed,
    latencies,
    rate_of,
    recovery,
)

WIRE = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REFUSED = b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nConnection: close\r\ncontent-length: 0\r\n\r\n"


def served(answers: list[bytes], ask: Callable[[Generator], Awaitable[list[Timed]]]) -> list[Timed]:
    """Let a generator ask a server that gives these answers in turn."""

    async def run() -> list[Timed]:
        left, serving = list(answers), set[asyncio.Task[None] | None]()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            serving.add(asyncio.current_task())
            while left and await reader.read(len(WIRE)):
                answer = left.pop(0)
                writer.write(answer)
                if answer != OK:
                    break
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        generator = Generator(server.sockets[0].getsockname()[1], WIRE)
        try:
            return await ask(generator)
        finally:
            await generator.close()
            server.close()
            await asyncio.gather(*(task for task in serving if task is not None))

    return asyncio.run(run())


def test_each_request_of_the_open_loop_is_counted_once() -> None:
    found = served([OK] * 50, lambda generator: generator.steady(rate=200, seconds=0.1))
    assert [timed.status for timed in found] == [200] * len(found)
    times = sorted(timed.at for timed in found)
    assert np.diff(times) == pytest.approx(np.diff(poisson(len(times))) / 200)


def test_refusals_and_lost_connections_are_counted_apart() -> None:
    async def three(generator: Generator) -> list[Timed]:
        return [t for _ in range(3) for t in await generator.steady(rate=1, seconds=0.001)]

    refused, answered, lost = served([REFUSED, OK, b"HTTP/1.1 2"], three)
    assert (refused.status, refused.retry_after) == (503, True)
    assert (answered.status, answered.retry_after) == (200, False)
    assert (lost.status, lost.lost) == (0, "IncompleteReadError")


def test_rates_and_latencies_count_answers_only() -> None:
    found = [Timed(0.5, 0.2, 200), Timed(0.5, 0.1, 503), Timed(0.9, 0.3, 200), Timed(1, 5, 200)]
    assert rate_of(found, 0, 1) == 1
    assert latencies(found, 200) == [0.2, 0.3, 5]


def test_recovery_is_the_start_of_the_first_second_of_usual_answers() -> None:
    late = [Timed(10 + index / 20, 0.5, 200) for index in range(10)]
    usual = [Timed(10.5 + index / 20, 0.05, 200) for index in range(40)]
    assert recovery([*late, *usual], since=10, normal=0.1) == 0.5
    assert recovery(usual, since=10.5, normal=0.1) == 0
    assert recovery(late, since=10, normal=0.1) == float("inf")


def test_a_refusal_after_the_overload_is_not_usual() -> None:
    usual = [Timed(index / 20, 0.05, 200) for index in range(60)]
    refused = [Timed(0.8, 0.01, 503)]
    assert recovery(sorted([*usual, *refused], key=lambda t: t.at), since=0, normal=0.1) == 1

import asyncio

import pytest

from app.process.corked import CorkedTransport

pytestmark = pytest.mark.anyio


class Wire:
    """A transport that records each packet."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"closed")

    def get_extra_info(self, name: str) -> str:
        return name

    def is_closing(self) -> bool:
        return b"closed" in self.sent


def corked_wire() -> tuple[Wire, CorkedTransport]:
    wire = Wire()
    return wire, CorkedTransport(wire, asyncio.get_running_loop(), wire.close)


async def test_what_was_written_for_a_client_that_has_gone_is_dropped() -> None:
    wire, corked = corked_wire()
    corked.write(b"answer")
    wire.close()
    await asyncio.sleep(0)
    assert wire.sent == [b"closed"]


async def test_writes_of_one_turn_are_one_packet() -> None:
    wire, corked = corked_wire()
    corked.write(b"head ")
    corked.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]
    corked.write(b"next")
    await asyncio.sleep(0)
    assert wire.sent == [b"head body", b"next"]


async def test_closing_sends_what_was_written() -> None:
    wire, corked = corked_wire()
    corked.write(b"last")
    corked.close()
    await asyncio.sleep(0)
    assert wire.sent == [b"last", b"closed"]


async def test_other_attributes_are_the_transports() -> None:
    _, corked = corked_wire()
    assert corked.get_extra_info("peername") == "peername"


async def test_another_may_close_the_transport_later() -> None:
    wire, closed = Wire(), []
    corked = CorkedTransport(wire, asyncio.get_running_loop(), lambda: closed.append(True))
    corked.write(b"last")
    corked.close()
    assert (wire.sent, closed) == ([b"last"], [True])

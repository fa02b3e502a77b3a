import asyncio

import pytest

from app.process.connection import _Corked

pytestmark = pytest.mark.anyio


class Wire:
    """A transport that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.sent.append(b"closed")

    def get_extra_info(self, name: str) -> str:
        return name


async def test_what_is_written_in_a_turn_is_one_packet() -> None:
    wire = Wire()
    corked = _Corked(wire, asyncio.get_running_loop())
    corked.write(b"head ")
    corked.write(b"body")
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [b"head body"]
    corked.write(b"next")
    await asyncio.sleep(0)
    assert wire.sent == [b"head body", b"next"]


async def test_nothing_is_lost_in_closing() -> None:
    wire = Wire()
    corked = _Corked(wire, asyncio.get_running_loop())
    corked.write(b"last")
    corked.close()
    await asyncio.sleep(0)
    assert wire.sent == [b"last", b"closed"]


async def test_all_else_is_the_transports() -> None:
    assert _Corked(Wire(), asyncio.get_running_loop()).get_extra_info("peername") == "peername"

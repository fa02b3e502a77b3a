"""The internals of uvicorn that `app.process` uses, which may change with each minor version.

uvicorn is therefore pinned to one minor version in pyproject.toml. When a test here fails after an
upgrade, read these again in the new version, then change the pin and the code together:

- `uvicorn/protocols/http/httptools_impl.py` for `app/process/connection.py` and `refusal.py`: is
  every byte of a response written by `self.transport.write`, and is the connection closed by
  `transport.close`? Do the overridden methods still do all that uvicorn's do? Does a request begin
  with a new `scope`, and does it become a cycle once its head is complete?
- `uvicorn/server.py` for `app/process/worker.py` and `serve.py`: how does a server start without
  sockets, stop, and raise captured signals again?
"""

import asyncio
import inspect
import re
import signal
import socket
import tomllib
from collections import deque
from importlib.metadata import version
from pathlib import Path

import httptools
import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import HANDLED_SIGNALS

from app.process.connection import Connection
from app.process.corked import CorkedTransport
from app.process.open_connections import ConnectionLimits, OpenConnections

pytestmark = pytest.mark.anyio
PINNED = "0.54"
ADVICE = f"uvicorn has changed: do what the docstring of {Path(__file__).name} says"
# Other methods that write, such as `writelines`, would overtake corked bytes. `set_protocol` hands
# the real transport to a WebSocket.
TRANSPORT_METHODS = {"write", "close", "is_closing", "set_protocol"}


async def application(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


# What `Connection` replaces, and what it calls or sets itself.
OVERRIDDEN = {
    "connection_made": ["transport"],
    "connection_lost": ["exc"],
    "data_received": ["data"],
    "on_headers_complete": [],
    "on_body": ["body"],
    "on_message_complete": [],
    "on_response_complete": [],
    "pause_writing": [],
    "resume_writing": [],
}
CYCLE = [
    *("scope", "transport", "flow", "logger", "access_logger", "access_log", "default_headers"),
    *("message_event", "expect_100_continue", "keep_alive", "on_response"),
]


def connect(*given) -> Connection:
    return Connection(OpenConnections(ConnectionLimits()), *given)


def config() -> uvicorn.Config:
    return uvicorn.Config(application, http=connect, log_config=None, lifespan="off")


def test_the_minor_version_is_pinned() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())
    assert f"uvicorn~={PINNED}.0" in project["project"]["dependencies"], ADVICE
    assert re.match(rf"{re.escape(PINNED)}\.\d+$", version("uvicorn")), ADVICE


def test_the_signatures_of_the_protocol() -> None:
    parameters = list(inspect.signature(HttpToolsProtocol).parameters)
    assert parameters == ["config", "server_state", "app_state", "_loop"], ADVICE
    for name, expected in OVERRIDDEN.items():
        method = getattr(HttpToolsProtocol, name)
        assert list(inspect.signature(method).parameters) == ["self", *expected], ADVICE


async def test_a_protocol_has_its_transport_its_loop_and_a_place_in_the_servers_state() -> None:
    loaded, state = config(), uvicorn.Server(config()).server_state
    loaded.load()
    ours, theirs = socket.socketpair()
    with theirs:
        loop = asyncio.get_running_loop()
        transport, connection = await loop.connect_accepted_socket(
            lambda: connect(loaded, state, {}), ours
        )
        assert connection in state.connections, ADVICE
        assert connection.loop is loop, ADVICE
        assert isinstance(connection.transport, CorkedTransport), ADVICE
        assert connection.flow._transport is transport, ADVICE
        closed = asyncio.Event()
        connection.on_close = closed.set
        transport.close()
        await closed.wait()
        assert connection not in state.connections, ADVICE


def test_the_protocol_makes_its_class_of_any_callable() -> None:
    loaded = config()
    loaded.load()
    assert loaded.http_protocol_class is connect, ADVICE


def test_a_cycle_has_the_state_of_one_request() -> None:
    assert list(inspect.signature(RequestResponseCycle).parameters) == CYCLE, ADVICE
    given = dict.fromkeys(CYCLE)
    cycle = RequestResponseCycle(**given)
    assert (cycle.more_body, cycle.response_complete) == (True, False), ADVICE
    assert (cycle.body, cycle.keep_alive) == (bytearray(), None), ADVICE


def test_only_these_methods_use_the_timer_of_idle_connections() -> None:
    """`Connection` has deadlines of its own, so no other method may start this timer."""
    source = inspect.getsource(httptools_impl)
    assert source.count("call_later") == 1, ADVICE
    assert "call_later" in inspect.getsource(HttpToolsProtocol.on_response_complete), ADVICE


async def test_uvicorn_resets_the_scope_before_it_makes_a_cycle() -> None:
    loaded, state = config(), uvicorn.Server(config()).server_state
    loaded.load()
    protocol = HttpToolsProtocol(loaded, state, {})
    assert (protocol.scope, protocol.cycle, protocol.pipeline) == (None, None, deque()), ADVICE
    protocol.parser.feed_data(b"GET / HT")
    assert (protocol.scope["state"], protocol.scope["headers"]) == ({}, []), ADVICE
    assert (protocol.url, protocol.cycle) == (b"/", None), ADVICE
    protocol.flow = FlowControl(asyncio.Transport())
    protocol.parser.feed_data(b"TP/1.1\r\nA: b\r\n\r\n")
    assert protocol.cycle.scope is protocol.scope, ADVICE
    assert protocol.scope["headers"] is protocol.headers, ADVICE
    await asyncio.gather(*state.tasks, return_exceptions=True)


def test_an_error_of_a_callback_is_the_context_of_the_parsers_error() -> None:
    class Refusing:
        def on_headers_complete(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(httptools.HttpParserCallbackError) as caught:
        httptools.HttpRequestParser(Refusing()).feed_data(b"GET / HTTP/1.1\r\n\r\n")
    assert isinstance(caught.value.__context__, ZeroDivisionError), ADVICE


def test_the_transport_is_used_by_known_methods_only() -> None:
    used = re.findall(r"\btransport\.(\w+)", inspect.getsource(httptools_impl))
    assert set(used) == TRANSPORT_METHODS, ADVICE


async def test_a_server_without_sockets_starts_and_stops_when_asked() -> None:
    assert list(inspect.signature(uvicorn.Server.serve).parameters) == ["self", "sockets"], ADVICE
    assert callable(config().get_loop_factory()), ADVICE
    server = uvicorn.Server(config())
    assert (server.started, server.should_exit) == (False, False), ADVICE
    serving = asyncio.create_task(server.serve(sockets=[]))
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
        server.should_exit = True
        await serving


async def test_a_signal_stops_a_server_and_is_raised_again() -> None:
    assert {signal.SIGTERM, signal.SIGINT} <= set(HANDLED_SIGNALS), ADVICE
    raised: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: raised.append(number))
    try:
        server = uvicorn.Server(config())
        serving = asyncio.create_task(server.serve(sockets=[]))
        async with asyncio.timeout(20):
            while not server.started:
                await asyncio.sleep(0.01)
            signal.raise_signal(signal.SIGTERM)
            await serving
    finally:
        signal.signal(signal.SIGTERM, before)
    assert raised == [signal.SIGTERM], ADVICE


async def test_a_connection_has_its_latest_request_and_is_shut_down_after_its_answer() -> None:
    loaded, state = config(), uvicorn.Server(config()).server_state
    loaded.load()
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        _, connection = await loop.connect_accepted_socket(lambda: connect(loaded, state, {}), ours)
        assert (connection.cycle, connection.scope) == (None, None), ADVICE
        connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.cycle.scope is connection.scope, ADVICE
        assert not connection.cycle.response_complete, ADVICE
        connection.shutdown()
        async with asyncio.timeout(20):
            answer = b""
            while part := await loop.sock_recv(theirs, 4096):
                answer += part
        assert answer.startswith(b"HTTP/1.1 204"), ADVICE
        assert b"connection: close" in answer, ADVICE

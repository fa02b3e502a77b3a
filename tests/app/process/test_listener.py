import socket
from contextlib import ExitStack

import pytest

from app.errors import OperatorError
from app.process.listener import accept_last, listen, refuse_newcomers, url

HAS_IPV6 = socket.has_ipv6


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        pytest.param("::1", "[::1]", marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6")),
        pytest.param("::", "[::]", marks=pytest.mark.skipif(not HAS_IPV6, reason="no IPv6")),
    ],
)
def test_the_address_can_be_pasted_into_a_browser(host: str, shown: str) -> None:
    with listen(host, 0) as listener:
        assert url(listener) == f"http://{shown}:{listener.getsockname()[1]}"


def test_every_failure_to_listen_names_the_address_and_the_reason() -> None:
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(OperatorError, match=f"^port {port} is taken; choose another: --port$"):
            listen("127.0.0.1", port)
    with pytest.raises(OperatorError, match=r"^cannot listen on 192\.0\.2\.1, port 80: [^\[\]]+$"):
        listen("192.0.2.1", 80)
    with pytest.raises(OperatorError, match=r"^cannot listen on no host, port 80: [^\[\]]+$"):
        listen("no host", 80)


def test_a_closing_listener_accepts_earlier_connections_and_refuses_later_ones() -> None:
    with ExitStack() as stack:
        listener = listen("127.0.0.1", 0)
        listener.setblocking(False)
        address = listener.getsockname()
        early = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        refuse_newcomers(listener)
        late = stack.enter_context(socket.socket())
        late.settimeout(20)
        late.setblocking(False)
        assert late.connect_ex(address) != 0
        accepted = [stack.enter_context(each) for each in accept_last(listener)]
        assert listener.fileno() == -1
        for client, server in zip(early, accepted, strict=True):
            client.sendall(b"x")
            server.setblocking(True)
            assert server.recv(1) == b"x", "it was not reset"
        late.settimeout(20)
        with pytest.raises(OSError):
            late.sendall(b"x")
            late.recv(1)

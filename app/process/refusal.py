"""The answer to what is no request: the application answers it, as a request that it must refuse.

So the problem has a request id, is counted and logged, and comes after the answers to the requests
before it, like any other.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.edge import REFUSED
from app.errors import MalformedRequest, ThalamusError

_LONGEST = 1000  # bytes of an address, for the log


def refused_request(connection: HttpToolsProtocol, error: ThalamusError) -> RequestResponseCycle:
    """Return the request that the connection was reading, to be answered with `error`."""
    address = connection.url[:_LONGEST]
    # A parser that has not read the method would name one all the same.
    method = connection.parser.get_method().decode() if address else "-"
    scope: Any = {
        "type": "http",
        "asgi": {"version": connection.asgi_version, "spec_version": "2.3"},
        "http_version": "1.1",
        "server": connection.server,
        "client": connection.client,
        "scheme": connection.scheme,
        "root_path": "",
        "method": method,
        "path": address.decode("latin-1").partition("?")[0],
        "raw_path": address,
        "query_string": b"",
        "headers": connection.scope["headers"] if connection.scope else [],
        "state": {REFUSED: error},
    }
    return RequestResponseCycle(
        scope=scope,
        transport=connection.transport,
        flow=connection.flow,
        logger=connection.logger,
        access_logger=connection.access_logger,
        access_log=connection.access_log,
        default_headers=connection.server_state.default_headers,
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=False,
        on_response=connection.on_response_complete,
    )


def reason_of(error: httptools.HttpParserError) -> ThalamusError:
    """Return why the parser failed: our own error, or its own words, which hold no input."""
    if isinstance(error.__context__, ThalamusError):
        return error.__context__
    failed = isinstance(error, httptools.HttpParserCallbackError)
    words = "" if failed else f": {str(error).lower()}"
    return MalformedRequest(f"expected a request of HTTP/1.1{words}")

"""The answer to what is no request: the application answers it, as a request that it must refuse.

So the problem has a request id, is counted and logged, and comes after the answers to the requests
before it, like any other.
"""

import asyncio
import re
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.edge import REFUSED
from app.errors import MalformedRequest, ThalamusError

_LONGEST = 1000  # bytes of an address, for the log
_START = re.compile(rb"[\r\n]*[!-~]{1,99} (/[!-~]{0,8000}) HTTP/1\.[01]\r?\n")


def refused_request(
    connection: HttpToolsProtocol, error: ThalamusError, first: bytes = b""
) -> RequestResponseCycle:
    """Return the request that the connection was reading, to be answered with `error`.

    first: its start, if known, which has the address where the parser knows no such method.
    """
    address = connection.url[:_LONGEST]
    # A parser that has not read the method would name one all the same.
    method = connection.parser.get_method().decode() if address else "-"
    if not address and (start := _START.match(first)):
        address = start[1][:_LONGEST]
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

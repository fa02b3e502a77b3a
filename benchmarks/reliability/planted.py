"""`python -m benchmarks.reliability.planted`: the service with a fault that no client can cause.

Its own command line, settings and workers; only the outermost middleware is added. Prints nothing.
"""

import time
from functools import partial

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.factory import create_app
from app.process.serve import serve
from app.settings import Settings

BLOCK = "/planted/block"  # blocks the event loop of a worker for ever
LEAKED = 1024  # bytes that stay for each request to a path below `LEAK`
LEAK = "/v1/"


def block_the_event_loop() -> None:
    """Never return, like a native call that waits for something."""
    while True:
        time.sleep(1)


class Fault:
    """Middleware with two faults; a list of bytes for each request is the second."""

    def __init__(self, app: ASGIApp, leaks: bool = False) -> None:
        self._app, self._leaks = app, leaks
        self._kept: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Block for ever, or leak and serve."""
        path = scope.get("path", "")
        if path == BLOCK:
            block_the_event_loop()
        if self._leaks and path.startswith(LEAK):
            self._kept.append(b"x" * (len(self._kept) % 2 + LEAKED))  # a new object each time
        await self._app(scope, receive, send)


def main(leaks: bool = False) -> None:
    """Serve until a signal; settings come from the environment."""
    serve(Settings(), partial(create_app, middleware=[Middleware(Fault, leaks=leaks)]))


if __name__ == "__main__":
    import sys

    main("leak" in sys.argv[1:])

"""Which hosts the service answers for (`THALAMUS_ALLOWED_HOSTS`).

A page whose author lets its own name lead to this machine (DNS rebinding) is of the same origin as
the service, for a browser; but its requests name the page's host, and are refused here.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.addresses import PROBES
from app.errors import UnknownHost
from app.hosts import HostPatterns


class AllowedHosts:
    """Refuses a request to any other host, before its body is read; but not the probes.

    Kubernetes asks these by the address of the pod, which no list can have.
    """

    def __init__(self, app: ASGIApp, patterns: Iterable[str]) -> None:
        self._app, self._patterns = app, HostPatterns(patterns)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; raise `UnknownHost`."""
        if scope["type"] == "http" and scope["path"] not in PROBES:
            fields = [value for name, value in scope["headers"] if name == b"host"]
            if len(fields) != 1 or not self._patterns.allow(fields[0].decode("latin-1")):
                raise UnknownHost(
                    "expected a host of this service in the header field Host, got another; "
                    "its operator lists them in THALAMUS_ALLOWED_HOSTS"
                )
        await self._app(scope, receive, send)

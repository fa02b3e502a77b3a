"""The path prefix under which a proxy offers the service (`THALAMUS_ROOT_PATH`).

Proxies remove the prefix or leave it in place; both are served. Pages and redirects use relative
addresses, which need no prefix; the OpenAPI document names it as the server.
"""

from starlette.types import ASGIApp, Receive, Scope, Send


class WithoutPrefix:
    """Removes `prefix`, such as `/ml`, from the paths that have it."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and (rest := self._rest(scope["path"])) is not None:
            scope = {**scope, "path": rest, "raw_path": scope["raw_path"][len(self._prefix) :]}
        await self._app(scope, receive, send)

    def _rest(self, path: str) -> str | None:
        if not path.startswith(self._prefix):
            return None
        rest = path[len(self._prefix) :]
        return rest if rest.startswith("/") else None

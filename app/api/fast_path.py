"""Routes that bypass FastAPI's router.

FastAPI takes about as long to call an endpoint as a small model takes to answer. A `FastRoute` is
in FastAPI's table, and so in its OpenAPI document, like any other route, but a plain ASGI
application answers it, which `FastPath` calls before FastAPI. FastAPI's dependencies would not run
there, so a `FastRoute` refuses them. Middleware wraps the whole application, see `app.factory`.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from app.bundle.manifest import VERSION_DIGITS

_VERSION = f"[0-9]{{1,{VERSION_DIGITS}}}"


class FastRoute(APIRoute):
    """A POST route. The signature of `endpoint` describes it, the application `answer` answers it.

    Raises `TypeError` for `dependencies`, and for `Depends` or `Security` in the signature.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], answer: ASGIApp, **described: Any
    ) -> None:
        name = endpoint.__name__
        super().__init__(path, endpoint, methods=["POST"], operation_id=name, **described)
        if self.dependencies or self.dependant.dependencies:
            raise TypeError(
                f"{path}: Depends and Security never run on a route that answers before FastAPI; "
                "use middleware (app.factory), which runs for every route"
            )
        self.app = answer
        # Starlette's pattern of a number has no bound, and Python converts 4,300 digits at most;
        # its `$` lets a line break follow.
        pattern = self.path_regex.pattern.replace("[0-9]+", _VERSION).removesuffix("$")
        self.path_regex = re.compile(pattern + r"\Z")


class FastPath:
    """Passes a request to the fast route that matches, and every other one to `app`."""

    def __init__(self, app: ASGIApp, routes: Sequence[FastRoute]) -> None:
        self._app = app
        self._routes = [(route.path_regex, route.app) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and scope["method"] == "POST":
            for pattern, answer in self._routes:
                if found := pattern.match(scope["path"]):
                    scope["path_params"] = found.groupdict()
                    return await answer(scope, receive, send)
        return await self._app(scope, receive, send)

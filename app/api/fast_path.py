"""Routes that are found without the framework's router.

FastAPI takes about as long to find its way to an endpoint as a small model takes to answer.
A `FastRoute` stands in its table, and so in its OpenAPI description, like any other; what
answers is plain ASGI, and `FastPath` finds it before the router is asked. So FastAPI's
dependencies would never run for it: a route that has some is refused. Middleware belongs
around the whole application, see `app.factory`.
"""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class FastRoute(APIRoute):
    """A POST route: described by the signature of `endpoint`, answered by `answer`.

    Raises `TypeError` for `dependencies`, and for `Depends` or `Security` in the signature.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], answer: ASGIApp, **described: Any
    ) -> None:
        super().__init__(path, endpoint, methods=["POST"], **described)
        if self.dependencies or self.dependant.dependencies:
            raise TypeError(
                f"{path}: Depends and Security never run on a route that answers before FastAPI; "
                "use middleware (app.factory), which runs for every route"
            )
        self.app = answer


class FastPath:
    """Asks the fast routes first, and `app` for everything else."""

    def __init__(self, app: ASGIApp, routes: Sequence[FastRoute]) -> None:
        self._app = app
        self._routes = [(route.path_regex, route.app) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event."""
        if scope["type"] == "http" and scope["method"] == "POST":
            for pattern, answer in self._routes:
                if found := pattern.match(scope["path"]):
                    scope["path_params"] = found.groupdict()
                    return await answer(scope, receive, send)
        return await self._app(scope, receive, send)

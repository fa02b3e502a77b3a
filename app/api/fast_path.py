"""Routes that are found without the framework's router.

FastAPI takes about as long to find its way to an endpoint as a small model takes to answer.
A `HotRoute` stands in its table, and so in its OpenAPI description, like any other; what
answers is plain ASGI, and `Shortcut` finds it before the router is asked.
"""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class HotRoute(APIRoute):
    """A POST route: described by the signature of `endpoint`, answered by `answer`."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], answer: ASGIApp, **described: Any
    ) -> None:
        super().__init__(path, endpoint, methods=["POST"], **described)
        self.app = answer


def model_routes(
    verb: str,
    answer: ASGIApp,
    newest: Callable[..., Any],
    version: Callable[..., Any],
    **described: Any,
) -> list[HotRoute]:
    """Return the routes by which a model is asked to `verb`, the most frequented first.

    Its newest ready version answers, or the one that is named.
    """
    model = "/v1/models/{model}"
    return [
        HotRoute(path, function, answer, tags=[verb], **described)
        for path, function in (
            (f"{model}/{verb}", newest),
            (f"{model}/versions/{{version:int}}/{verb}", version),
        )
    ]


class Shortcut:
    """Asks the hot routes first, and `app` for everything else."""

    def __init__(self, app: ASGIApp, routes: Sequence[HotRoute]) -> None:
        self._app = app
        self._hot = [(route.path_regex, route.app) for route in routes]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection event."""
        if scope["type"] == "http" and scope["method"] == "POST":
            for pattern, answer in self._hot:
                if found := pattern.match(scope["path"]):
                    scope["path_params"] = found.groupdict()
                    return await answer(scope, receive, send)
        return await self._app(scope, receive, send)

"""The OpenAPI document, and Swagger UI from files on this machine: it works without the internet.

All addresses are relative, so that the page works behind a proxy that adds a path prefix.
`create_app` turns FastAPI's own pages off, because they load scripts from a CDN.
"""

import weakref
from collections.abc import Hashable
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)
# The package carries the files of swagger-ui-dist and follows its releases.
router.mount("/docs/static", StaticFiles(packages=[("fastapi_swagger", "resources")]))
_ICON = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
    "<circle cx='8' cy='8' r='7' fill='%23345'/></svg>"
)


class OpenApiDocument:
    """The OpenAPI document as bytes, which are made anew when other models are ready.

    Making it takes 50 ms, in which the process does nothing else.
    """

    def __init__(self, app: FastAPI, root_path: str) -> None:
        self._app, self._root_path = app, root_path
        self._made_for: Hashable = None
        self._body = b""

    def render(self) -> bytes:
        """Return the document as JSON."""
        entries = self._app.state.catalog.entries
        # Weak, so that a model that was removed leaves the memory.
        ready = tuple(weakref.ref(entry.model) for entry in entries if entry.model)
        if ready != self._made_for:
            document: dict[str, Any] = self._app.openapi()
            if self._root_path:
                document = document | {"servers": [{"url": self._root_path}]}
            self._body, self._made_for = orjson.dumps(document), ready
        return self._body


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(request.app.state.openapi.render(), media_type="application/json")


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show Swagger UI."""
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Thalamus",
        swagger_js_url="docs/static/swagger-ui-bundle.js",
        swagger_css_url="docs/static/swagger-ui.css",
        swagger_favicon_url=_ICON,
    )


@router.get("/")
async def home() -> RedirectResponse:
    """Redirect to the docs."""
    return RedirectResponse("docs")

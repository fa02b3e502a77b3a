"""The OpenAPI document, and Swagger UI from files on this machine: it works without the internet.

All addresses are relative, so that the page works behind a proxy that adds a path prefix.
`create_app` turns FastAPI's own pages off, because they load scripts from a CDN.

No path of a client reaches the file system: the page's two files are served by name, from memory.
Starlette's `StaticFiles` would also serve whatever else lies in that folder, and answer ranges, of
which a client may ask for many at once (as in CVE-2025-62727) and whose errors are no problems.
"""

import hashlib
import weakref
from collections.abc import AsyncIterator, Hashable
from functools import cache
from importlib import resources
from typing import Any

import orjson
from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, StreamingResponse

from app.api.addresses import ASSETS_PATH

router = APIRouter(include_in_schema=False)
_ASSETS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_PIECE = 2**16  # bytes; before each the server waits until the client has taken the one before
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


@router.get(f"{ASSETS_PATH}{{name}}")
async def asset(name: str, request: Request) -> Response:
    """Return a file of the page, or 304 to a browser that has it."""
    if name not in _ASSETS:
        raise HTTPException(404)
    content, tag = _asset(name)
    return from_memory(request, content, tag, _ASSETS[name])


def from_memory(request: Request, content: bytes, tag: str, media_type: str) -> Response:
    """Return a file that the browser may keep, or 304 to a browser that has it.

    tag: the entity tag of the content.
    """
    headers = {"ETag": tag, "Content-Length": str(len(content))}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return StreamingResponse(_pieces(content), headers=headers, media_type=media_type)


def entity_tag(content: bytes) -> str:
    """Return the entity tag of a content: the first half of its sha256."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@cache
def _asset(name: str) -> tuple[bytes, str]:
    """Return the content of a file and its entity tag."""
    # The package carries the files of swagger-ui-dist and follows its releases.
    content = (resources.files("fastapi_swagger") / "resources" / name).read_bytes()
    return content, entity_tag(content)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]

"""Swagger UI, from files on this machine, so that it works without the internet.

`create_app` turns FastAPI's own pages off, because they load scripts from a CDN.
"""

from fastapi import APIRouter
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


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Show Swagger UI."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Thalamus",
        swagger_js_url="/docs/static/swagger-ui-bundle.js",
        swagger_css_url="/docs/static/swagger-ui.css",
        swagger_favicon_url=_ICON,
    )


@router.get("/")
async def home() -> RedirectResponse:
    """Redirect to the docs."""
    return RedirectResponse("/docs")

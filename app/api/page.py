"""The page at `/`: the models of this service, for a person with a browser.

Its files are those of `app/page/`, read once and served by name from memory, so no path of a client
reaches the file system. Lines of a script that are comments stay in the repository. The page loads
nothing from elsewhere and runs no inline script or style: the headers of its document say so to the
browser. It holds nothing about the models; its script asks the API, with the key that the person
has, where the service asks for one.
"""

import re
from functools import cache
from importlib import resources

from fastapi import APIRouter, HTTPException, Request, Response

from app.api.addresses import PAGE_PATH
from app.api.docs import entity_tag, from_memory

router = APIRouter(include_in_schema=False)
_HOME = "index.html"
_KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_COMMENT = re.compile(rb"^ *(?://.*|/\*\*.*\*/)\n", re.MULTILINE)  # a line that is nothing else
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob: data:",
    "media-src": "'self' blob:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
    "trusted-types": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@router.get("/")
async def home() -> Response:
    """Return the page."""
    return Response(_files()[_HOME][0], media_type="text/html", headers=HEADERS)


@router.get(f"{PAGE_PATH}{{name}}")
async def page_file(name: str, request: Request) -> Response:
    """Return a script or the style of the page, or 304 to a browser that has it."""
    if name == _HOME or name not in _files():
        raise HTTPException(404)
    content, tag, kind = _files()[name]
    return from_memory(request, content, tag, kind)


@cache
def _files() -> dict[str, tuple[bytes, str, str]]:
    """Return content, entity tag and media type of each file, by name."""
    found = {}
    for file in (resources.files("app") / "page").iterdir():
        kind = _KINDS.get("." + file.name.rpartition(".")[2])
        if kind is not None:
            content = file.read_bytes()
            if kind == _KINDS[".js"]:
                content = _COMMENT.sub(b"", content)
            found[file.name] = content, entity_tag(content), kind
    return found

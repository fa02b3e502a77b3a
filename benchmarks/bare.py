"""A minimal application under uvicorn: it reads a body and sends a fixed answer."""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

_ANSWER = b'{"model":"none","version":1,"predictions":[' + b" " * 250 + b"]}"
_HEADERS: Sequence[tuple[bytes, bytes]] = (
    (b"content-type", b"application/json"),
    (b"content-length", b"%d" % len(_ANSWER)),
)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer any request."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _ANSWER})

"""Error class → RFC 9457 problem: the only table of status codes.

A problem never repeats the input and never shows internals; `app.api.error_forms` writes it in the
form of the dialect that was asked. An unexpected error is logged with the
request id and answered with 500 and no detail.
"""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import Scope

from app import errors
from app.api.error_forms import write_error
from app.exhaustion import resource_exhausted
from app.telemetry import failure, record_of

STATUSES: dict[type[errors.ThalamusError], int] = {
    errors.MalformedRequest: 400,
    errors.NoKey: 401,
    errors.MissingScope: 403,
    errors.ControlClosed: 403,
    errors.ForeignOrigin: 403,
    errors.UnknownModel: 404,
    errors.UnsupportedTask: 404,  # there is nothing at this address of the model
    errors.TooSlow: 408,
    errors.ImpossibleChange: 409,
    errors.TooLarge: 413,
    errors.AddressTooLong: 414,
    errors.UnsupportedMedia: 415,
    # Not 400: the request is well formed, and was sent to the wrong place (RFC 9110, 15.5.20).
    errors.UnknownHost: 421,
    errors.InvalidInput: 422,
    errors.QuotaExceeded: 429,
    errors.HeadTooLarge: 431,
    errors.ClientDisconnected: 499,  # as nginx counts it; HTTP has no such status
    errors.NotReady: 503,
    errors.Overloaded: 503,
    errors.ResourceExhausted: 503,
    errors.DeadlineExceeded: 504,
    errors.OperatorError: 500,
}
# The problem of a type of its own: RFC 9457's `type` and `title`, and what the client may know.
MODEL_OUTPUT_INVALID = (
    "urn:thalamus:problem:model-output-invalid",
    "Model Output Invalid",
    "the model gives no valid answer to this item, alone or in a batch; "
    "the service's log has the reason under this request id",
)
NOT_WRITTEN = (
    "the service cannot write to its folder of models; its log has the reason under this request id"
)
_OF_AN_ITEM = errors.InvalidInput | errors.ModelOutputInvalid


def status_of(error: Exception) -> int:
    """Return the status of the nearest class in the table; 500 if none is there."""
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def note(scope: Scope, error: Exception) -> None:
    """Note an error in the request's record: its status, and what the operator should read."""
    error = resource_exhausted(error) or error
    record = record_of(scope)
    record.status, record.reason = status_of(error), getattr(error, "reason", "")
    expected = isinstance(error, errors.ThalamusError)
    record.detail = str(error) if expected else f"{type(error).__name__}: {error}"


def problem(status: int, detail: str, request_id: str, **extra: Any) -> dict[str, Any]:
    """Return the body of a problem."""
    return {
        "type": "about:blank",
        "title": "Client Closed Request" if status == 499 else HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "request_id": request_id,
        **extra,
    }


def problem_for(error: Exception, request_id: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the body and the headers that answer an error."""
    if (exhausted := resource_exhausted(error)) is not None:
        failure("no resources", error, request_id=request_id)
        error = exhausted
    status, headers = status_of(error), {}
    if isinstance(error, errors.TooLarge | errors.TooSlow):
        headers["Connection"] = "close"  # otherwise the server would read the rest of the body
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.NoKey):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.UnsupportedCoding):
        headers["Accept-Encoding"] = error.accepted
    detail = str(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        failure("request failed", error, request_id=request_id)
        detail = "the service failed; its log has the reason under this request id"
    if isinstance(error, errors.NotWritten):
        detail = NOT_WRITTEN
    extra: dict[str, Any] = {}
    if isinstance(error, errors.ModelOutputInvalid):
        extra["type"], extra["title"], detail = MODEL_OUTPUT_INVALID
    if isinstance(error, _OF_AN_ITEM) and error.index is not None:
        extra["index"] = error.index
        detail = f"item {error.index}: {detail}"
    return problem(status, detail, request_id, **extra), headers


def _render(request: Request, body: dict[str, Any], headers: dict[str, str]) -> Response:
    record = record_of(request.scope)
    record.detail = record.detail or body["detail"]
    content, media_type = write_error(body, request.scope["path"])
    return Response(content, body["status"], headers, media_type)


async def _expected(request: Request, error: Exception) -> Response:
    note(request.scope, error)
    return _render(request, *problem_for(error, request_id_of(request)))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if headers.get("Allow") == "GET":
        headers["Allow"] = "GET, HEAD"  # see `app.api.method_head`
    allowed = headers.get("Allow", "").replace(", ", " or ")
    detail = {
        404: "there is nothing at this address; GET /docs shows what there is",
        405: f"this address takes {allowed}; GET /docs shows all" if allowed else "",
    }.get(error.status_code, HTTPStatus(error.status_code).description)
    body = problem(error.status_code, detail, request_id_of(request))
    return _render(request, body, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]  # its `input`, which the client sent, is not repeated
    where = ".".join(str(part) for part in first["loc"])
    body = problem(422, f"{where}: {first['msg']}", request_id_of(request))
    return _render(request, body, {})


def request_id_of(request: Request) -> str:
    """Return the id that `edge` gave the request."""
    return str(request.scope.get("request_id", ""))


# For the routes that FastAPI answers; `app.api.edge` answers the errors of all others.
HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    errors.ThalamusError: _expected,
    HTTPException: _http,
    RequestValidationError: _invalid,
}

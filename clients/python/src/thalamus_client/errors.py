"""All errors of the client.

ClientError
├── NoConnection        the service could not be reached, or hung up
│   └── TimedOut        it did not answer in time
├── UnexpectedAnswer    what came is no answer of this service
└── Problem             the service refused: an RFC 9457 problem
    ├── BadRequest      the caller can correct it (400, 408, 409, …)
    │   ├── InvalidItem     an item cannot be read (422); `index` says which
    │   ├── KeyRefused      no key, an unknown one, or one that does not permit this (401, 403)
    │   ├── UnknownModel    no such model, version or task (404)
    │   ├── TooLarge        more than the service takes at once (413)
    │   └── WrongMediaType  the model takes other media types (415)
    ├── Unavailable     it may be tried again (502, 503, 504); `retry_after` says when
    │   └── QuotaExceeded   the key has made as many requests as it may (429)
    └── ServiceFailed   the service's operator must act (500); its log has the `request_id`
        └── InvalidOutput   the model has no valid answer to this item
"""

from collections.abc import Mapping
from typing import Any

import httpx

_OUTPUT_INVALID = "urn:thalamus:problem:model-output-invalid"


class ClientError(Exception):
    """Base of all errors of the client."""


class NoConnection(ClientError):
    """The service could not be reached, or hung up before the end of its answer."""


class TimedOut(NoConnection):
    """The service did not answer in time."""


class UnexpectedAnswer(ClientError):
    """What came is no answer of this service; is its address right?"""


class Problem(ClientError):
    """The service refused a request.

    status: of HTTP. type, title, detail, request_id, index: as the problem has them; index names
    the item of a request. retry_after: seconds, if the service gave any.
    """

    def __init__(
        self, status: int, members: Mapping[str, Any], retry_after: float | None = None
    ) -> None:
        self.status, self.retry_after = status, retry_after
        self.type = str(members.get("type", "about:blank"))
        self.title = str(members.get("title", ""))
        self.detail = str(members.get("detail", "") or self.title or f"HTTP status {status}")
        self.request_id = str(members.get("request_id", ""))
        index = members.get("index")
        self.index = index if isinstance(index, int) else None
        super().__init__(f"{status}: {self.detail}")


class BadRequest(Problem):
    """The caller can correct the request."""


class InvalidItem(BadRequest):
    """An item cannot be read, or an option has a value that it may not have."""


class KeyRefused(BadRequest):
    """There is no key, the key is unknown, or it does not permit this."""


class UnknownModel(BadRequest):
    """There is no such model, version or task."""


class TooLarge(BadRequest):
    """The request has more items or bytes than the service takes at once."""


class WrongMediaType(BadRequest):
    """The model takes other media types."""


class Unavailable(Problem):
    """The service cannot answer now; the request may be sent again."""


class QuotaExceeded(Unavailable):
    """The key has made as many requests as it may."""


class ServiceFailed(Problem):
    """The service failed; its log has the reason under the `request_id`."""


class InvalidOutput(ServiceFailed):
    """The model has no valid answer to this item."""


_KINDS: Mapping[int, type[Problem]] = {
    401: KeyRefused,
    403: KeyRefused,
    404: UnknownModel,
    413: TooLarge,
    415: WrongMediaType,
    422: InvalidItem,
    429: QuotaExceeded,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def problem_of(
    status: int, members: Mapping[str, Any], retry_after: float | None = None
) -> Problem:
    """Return the error for a problem."""
    kind = _KINDS.get(status, BadRequest if 400 <= status < 500 else ServiceFailed)
    if members.get("type") == _OUTPUT_INVALID:
        kind = InvalidOutput
    return kind(status, members, retry_after)


def connection_error(error: httpx.RequestError) -> NoConnection | UnexpectedAnswer:
    """Return the error for one of httpx."""
    if isinstance(error, httpx.DecodingError):
        return UnexpectedAnswer("the answer is not compressed as its Content-Encoding says")
    kind = TimedOut if isinstance(error, httpx.TimeoutException) else NoConnection
    return kind(str(error) or type(error).__name__)

"""When a request is sent again, and after how long.

Again: where no connection was made, where the connection broke before an answer, and where the
service says that it can answer later (429, 502, 503, 504). The service's answers change nothing in
it, so a request may be repeated. Never again: after a time-out, because whoever set it has no time
left; after a refusal for what the request is; and once the first word of a stream has come.
"""

import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

_LATER = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """count: how often a request is sent again. first_wait: seconds before the first time.

    Each wait is twice the one before, with some chance in it, and at least what `Retry-After` asks
    for. Where that is more than longest_wait seconds, the error is raised at once.
    """

    count: int = 3
    first_wait: float = 0.25
    longest_wait: float = 30.0

    def wait(self, done: int, outcome: httpx.Response | httpx.RequestError) -> float | None:
        """Return the seconds to wait before the next try; None where there shall be none.

        done: how many tries were repeated before. outcome: of the latest one.
        """
        if done >= self.count or not _may_repeat(outcome):
            return None
        wait = self.first_wait * 2**done * random.uniform(1.0, 1.25)
        asked = retry_after(outcome) if isinstance(outcome, httpx.Response) else None
        wait = max(min(wait, self.longest_wait), asked or 0.0)
        return wait if wait <= self.longest_wait else None


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that a response asks for; None where it asks for none."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _may_repeat(outcome: httpx.Response | httpx.RequestError) -> bool:
    if isinstance(outcome, httpx.Response):
        return outcome.status_code in _LATER
    if isinstance(outcome, httpx.TimeoutException):
        return isinstance(outcome, httpx.ConnectTimeout)  # nothing was sent
    return isinstance(outcome, httpx.NetworkError | httpx.RemoteProtocolError)

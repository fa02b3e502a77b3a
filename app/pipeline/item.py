"""The input and the output of a pipeline for one item."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from app.modalities import Payload
from app.tasks import Options
from app.telemetry import Timings


@dataclass(slots=True)
class CancelToken:
    """Belongs to all items of a request; `cancelled` is set when nobody waits for their answers.

    deadline: of the request, in seconds on the monotonic clock, which event loops use.
    """

    cancelled: bool = False
    deadline: float = inf

    def is_over(self, now: float) -> bool:
        """Return whether nobody waits for the answers."""
        return self.cancelled or self.deadline <= now


@dataclass(frozen=True, slots=True)
class InferenceItem:
    """A payload, the options for its answer, and its place among the items of its request."""

    payload: Payload
    options: Options
    index: int | None = None
    token: CancelToken = field(default_factory=CancelToken)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The answer to an item, and the timings of its batch."""

    answer: Any
    timings: Timings


def make_items(
    payloads: Sequence[Payload], options: Options, token: CancelToken | None = None
) -> list[InferenceItem]:
    """Return an item of one request for each payload; several items have an index."""
    token, several = token or CancelToken(), len(payloads) > 1
    return [
        InferenceItem(payload, options, index if several else None, token)
        for index, payload in enumerate(payloads)
    ]

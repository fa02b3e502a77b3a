"""One item on its way through a pipeline: what came in, what is wanted, what came out."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.modalities import Payload
from app.tasks import Options
from app.telemetry import Timings


@dataclass(slots=True)
class CancelToken:
    """Shared by all items of a request; `cancelled` is set when nobody waits for the answer."""

    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class InferenceItem:
    """A payload, what is wanted of it, and which of its request's items it is."""

    payload: Payload
    options: Options
    index: int | None = None
    token: CancelToken = field(default_factory=CancelToken)


@dataclass(frozen=True, slots=True)
class ItemResult:
    """The answer to an item, and where the time of its batch went."""

    answer: Any
    timings: Timings


def make_items(
    payloads: Sequence[Payload], options: Options, token: CancelToken | None = None
) -> list[InferenceItem]:
    """Return one item a payload, all of one request; several know their places."""
    token, several = token or CancelToken(), len(payloads) > 1
    return [
        InferenceItem(payload, options, index if several else None, token)
        for index, payload in enumerate(payloads)
    ]

"""What travels between the application and a replica of a model: questions and replies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.modalities import Payload
from app.tasks import Options


@dataclass(frozen=True, slots=True)
class Asked:
    """The items of one request. seconds: until its deadline. admitted: see `Batcher.submit`."""

    version: int
    payloads: Sequence[Payload]
    options: Options
    seconds: float
    admitted: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answers in order, or the error that is answered instead of them.

    stages: seconds in the replica. queued_items, queued_seconds: of its queue, afterwards.
    """

    answers: Sequence[Any] = ()
    error: Exception | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    queued_items: int = 0
    queued_seconds: float = 0.0

"""A request that asks a model about items: its steps, which are the same in every dialect.

find the model → require its task → read the body → answer the items → send. A dialect parses and
renders in between; queue, limits, deadline, disconnects and the request's record are here.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Any

from starlette.types import Receive, Scope, Send

from app.api.body import disconnected, read_body
from app.api.content_coding import Headers
from app.api.payload import is_json
from app.errors import NotReady, UnsupportedMedia
from app.modalities import Payload
from app.modalities.payload import SNIFFED
from app.serving.catalog import Catalog
from app.serving.model import OnStep, ServedModel
from app.tasks import Options, Task
from app.tasks.task import Generation
from app.telemetry import Timings, record_of

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Serving:
    """What endpoints share: the catalog, and the limits of a request.

    receive_timeout: seconds in which a body must arrive. instances: functions that read items in
    JSON, see `Modality.instance`.
    """

    catalog: Catalog
    max_items: int
    receive_timeout: float
    instances: Sequence[Callable[[Any], Payload | None]]


async def _silently(_step: Any) -> None:
    pass


class ItemRequest:
    """One request; its methods are called in their order, and raise the errors that `edge` answers.

    record: what is noted about it. served: the model, once it is known.
    """

    __slots__ = ("_receive", "_serving", "_timings", "_which", "record", "served", "task")

    def __init__(
        self, serving: Serving, scope: Scope, receive: Receive, task: Task | None = None
    ) -> None:
        """Note the task as the operation; without one, `require` does."""
        self._serving, self._receive, self.task = serving, receive, task
        self.record = record_of(scope)
        self.served: ServedModel | None = None
        self._which = ("", "")
        if task is not None:
            self.record.operation = task.name

    async def find(self, model: str = "", version: str = "") -> ServedModel:
        """Return the model that an address names; raise `UnknownModel` or `NotReady`.

        version: digits, of which the route lets no more pass than a version may have; empty for the
        one that serves. Notes in the record the names of what is published, and of nothing else.
        """
        self._which, record = (model, version), self.record
        number = int(version) if version else None
        try:
            served = self.served = await self._serving.catalog.find(model, number)
        except NotReady:
            record.model, record.version = model, number or ""
            raise
        record.model, record.version = served.manifest.name, served.manifest.version
        return served

    def require(self, task: Task) -> None:
        """Raise `UnsupportedTask` or `Overloaded`; call it before the body is read, if possible."""
        assert self.served is not None
        self.task, self.record.operation = task, task.name
        self.served.pipeline.require(task.name)
        self.served.require_room()

    def body(self) -> Awaitable[bytes]:
        """Return the whole body; raise `TooSlow`."""
        return read_body(self._receive, self._serving.receive_timeout)

    async def still_served(self) -> ServedModel:
        """Return the model, or what took its place if it was unloaded while the body arrived."""
        assert self.served is not None and self.task is not None
        if self.served.closed:
            await self.find(*self._which)
            self.served.pipeline.require(self.task.name)
        return self.served

    async def answer(
        self,
        payloads: Sequence[Payload],
        options: Options,
        abstained: Callable[[Sequence[Any]], int | None] | None = None,
        seconds: float = inf,
    ) -> Sequence[Any]:
        """Return the answers to at least one item, in order, of `task`; see `ServedModel.answer`.

        Without a model, the default one for the media type of the first item answers. abstained:
        how many of the answers the model abstains from, where they are not those of `task`.
        seconds: of the client's own deadline.
        """
        assert self.task is not None
        served = self.served
        if served is None:
            served = self._serving.catalog.for_media_type(payloads[0].media_type)
            self.record.model, self.record.version = served.manifest.name, served.manifest.version
            self.served = served
        elif served.closed:
            served = await self.still_served()
        self.record.items = len(payloads)
        _check_media_types(served, payloads)
        timings = self._timings = Timings()
        gone = partial(disconnected, self._receive)
        answers = await served.answer(payloads, options, timings, gone, seconds=seconds)
        self.record.timings = timings
        self.record.abstained = (abstained or self.task.abstained)(answers)
        return answers

    async def generate(self, generation: Generation, on_step: OnStep = _silently) -> None:
        """Run the model until `generation` is finished; see `ServedModel.generate`."""
        assert self.served is not None and self.task is not None
        timings = self._timings = Timings()
        self.record.items, self.record.timings = 1, timings
        gone = partial(disconnected, self._receive)
        await self.served.generate(self.task, generation, timings, on_step, gone)

    async def send(
        self, send: Send, body: bytes, media_type: str = JSON, more: Headers = ()
    ) -> None:
        """Send a complete answer. more: further headers."""
        headers = [
            *more,
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"server-timing", self._timings.header().encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def header(scope: Scope, name: bytes) -> str:
    """Return the first header of that name, given in lower case; an empty text without one."""
    for key, value in scope["headers"]:
        if key == name:
            return str(value, "latin-1")
    return ""


def _check_media_types(served: ServedModel, payloads: Sequence[Payload]) -> None:
    for index, payload in enumerate(payloads):
        kind = payload.media_type
        if kind != SNIFFED and (not served.accepts(kind) or is_json(kind)):
            which = f"item {index}: " if len(payloads) > 1 else ""
            raise UnsupportedMedia(
                f"{which}{served.manifest.name} takes {served.media_types} (or {SNIFFED}), "
                "but another media type was declared"
            )

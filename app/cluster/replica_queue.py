"""The queue of a model whose graph replicas of a Ray Serve deployment run.

Each replica has the batcher of the service, and refuses what its own queue cannot take; nothing
waits here. Answering changes nothing, so what a replica that has ended was answering is asked once
more, of another one. A second loss is answered 503: an item may be what ends them.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.cluster.asked import Asked, Reply
from app.errors import NotReady, Overloaded
from app.pipeline import InferenceItem, ItemResult
from app.telemetry import Timings, event

_TRIES = 2


class ReplicaQueue:
    """Answers items by a deployment. handle: of it, see Ray Serve. version: of its model.

    queued_items, queued_seconds: those of the replica that replied last.
    """

    def __init__(self, handle: Any, version: int) -> None:
        from ray.exceptions import RayActorError
        from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError

        self._lost, self._full = (RayActorError, DeploymentUnavailableError), BackPressureError
        self._handle, self._version = handle, version
        self._running, self._closed = 0, False
        self._idle = asyncio.Event()
        self.queued_items, self.queued_seconds = 0, 0.0

    def require_room(self, left: float) -> None:
        """Let every request pass: the replica knows its queue."""

    async def submit(
        self, items: Sequence[InferenceItem], deadline: float, *, admitted: bool = False
    ) -> list[ItemResult]:
        """Return the answers to all items; see `Batcher.submit`."""
        if self._closed:
            raise NotReady("the model is being unloaded; try again")
        self._running += 1
        try:
            reply = await self._ask([item.payload for item in items], items[0], deadline, admitted)
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        self.queued_items, self.queued_seconds = reply.queued_items, reply.queued_seconds
        if reply.error is not None:
            raise reply.error
        timings = Timings()
        timings.stages.update(reply.stages)
        return [ItemResult(answer, timings) for answer in reply.answers]

    async def close(self) -> None:
        """Accept no more items, and wait until the accepted ones are answered."""
        self._closed = True
        while self._running:
            self._idle.clear()
            await self._idle.wait()

    async def _ask(
        self, payloads: list[Any], first: InferenceItem, deadline: float, admitted: bool
    ) -> Reply:
        now = asyncio.get_running_loop().time
        for left in reversed(range(_TRIES)):
            asked = Asked(self._version, payloads, first.options, deadline - now(), admitted)
            response = self._handle.answer.remote(asked)
            try:
                reply: Reply = await response
            except asyncio.CancelledError:
                response.cancel()
                raise
            except self._full as error:
                raise Overloaded("the queue is full; try again later") from error
            except self._lost as error:
                if not left:
                    raise NotReady("the replicas that answered have ended; try again") from error
                event("replica lost", model=self._handle.deployment_name, items=len(payloads))
            else:
                if not left or not isinstance(reply.error, NotReady):
                    return reply
        raise AssertionError("the last try returns or raises")

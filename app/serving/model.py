"""What a model is asked, and the queue of its items: the asynchronous interface of a model."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import inf
from typing import Any

from app.bundle import GoldenCase
from app.errors import DeadlineExceeded, ModelOutputInvalid
from app.modalities import Payload
from app.pipeline import CancelToken, ModelInterface, make_items
from app.serving.deadline import WaitForDisconnect, with_deadline
from app.serving.item_queue import ItemQueue
from app.tasks import Options, Task
from app.tasks.task import Generation
from app.telemetry import Timings, event

OnStep = Callable[[Any], Awaitable[None]]
DEGRADED = 3  # requests in a row without a valid answer


class ServedModel:
    """Answers requests, each with one deadline, by a queue that answers items.

    closed: whether it is being unloaded. Nothing in it refers back to it, so that its memory is
    free as soon as nobody uses it: what is in a cycle stays, because the models are exempt from
    garbage collection.
    """

    def __init__(
        self,
        pipeline: ModelInterface,
        queue: ItemQueue,
        deadline: float,
        example: tuple[bytes, GoldenCase] | None = None,
    ) -> None:
        """Use a queue, which it closes. deadline: seconds for an answer.

        example: a golden case and its payload, for the OpenAPI document.
        """
        self.example = example
        self.pipeline = pipeline
        self.manifest = pipeline.manifest
        self.closed = False
        self._deadline = deadline
        self._queue = queue
        self._invalid = 0  # requests in a row without a valid answer
        self._generations = 0  # running
        self._generations_done = asyncio.Event()

    @property
    def queued_items(self) -> int:
        """The items that wait."""
        return self._queue.queued_items

    @property
    def queued_seconds(self) -> float:
        """How long an item that came now would wait for its batch."""
        return self._queue.queued_seconds

    @property
    def media_types(self) -> str:
        """The accepted media types, for people to read."""
        return self.pipeline.encoder.media_types

    def accepts(self, media_type: str) -> bool:
        """Return whether the model may be able to decode payloads of this media type."""
        return self.pipeline.encoder.accepts(media_type)

    @property
    def degraded(self) -> bool:
        """Whether the latest `DEGRADED` requests that the graph ran for got no valid answer."""
        return self._invalid >= DEGRADED

    def require_room(self) -> None:
        """Raise `Overloaded` where a request that came now would wait too long."""
        self._queue.require_room(self._deadline)

    async def answer(
        self,
        payloads: Sequence[Payload],
        options: Options,
        timings: Timings,
        wait_for_disconnect: WaitForDisconnect | None = None,
        *,
        admitted: bool = False,
        seconds: float = inf,
    ) -> list[Any]:
        """Return the answers to all payloads, in order; call `pipeline.require` before.

        admitted: the payloads continue an accepted request. seconds: until the client does not want
        them any more, where that is before the service's own deadline. Raises `Overloaded`,
        `InvalidInput` and `ModelOutputInvalid` with the index of a bad payload, `DeadlineExceeded`
        after the deadline, and `ClientDisconnected` when `wait_for_disconnect()` returns.
        """
        seconds = min(seconds, self._deadline)
        deadline = asyncio.get_running_loop().time() + seconds
        token = CancelToken(deadline=deadline)
        items = make_items(payloads, options, token)
        work = self._queue.submit(items, deadline, admitted=admitted)
        try:
            results = await with_deadline(
                work, seconds, partial(_late, seconds), wait_for_disconnect
            )
        except ModelOutputInvalid as error:
            self._found_invalid(error)
            raise
        finally:
            token.cancelled = True
        if self._invalid:
            self._found_valid()
        timings.waited(results[-1].timings)
        return [result.answer for result in results]

    async def generate(
        self,
        task: Task,
        generation: Generation,
        timings: Timings,
        on_step: OnStep,
        wait_for_disconnect: WaitForDisconnect,
    ) -> None:
        """Run the model until `generation` is finished; pass each step to `on_step`.

        The steps run in batches with items of other requests. One deadline covers all of them.
        Raises the errors of `answer`.
        """
        work = self._steps(task, generation, timings, on_step)
        self._generations += 1
        try:
            late = partial(_late, self._deadline)
            await with_deadline(work, self._deadline, late, wait_for_disconnect)
        finally:
            self._generations -= 1
            if not self._generations:
                self._generations_done.set()

    async def close(self) -> None:
        """Wait for running generations, refuse new items, wait for the accepted ones, free all."""
        self.closed = True
        while self._generations:
            self._generations_done.clear()
            await self._generations_done.wait()
        await self._queue.close()

    async def _steps(
        self, task: Task, generation: Generation, timings: Timings, on_step: OnStep
    ) -> None:
        options, admitted = task.options(), False
        while generation.finish_reason is None:
            spent = Timings()
            [answer] = await self.answer([generation.payload], options, spent, admitted=admitted)
            admitted = True
            timings.add(spent)
            await on_step(generation.append(answer))

    def _found_invalid(self, error: ModelOutputInvalid) -> None:
        model, version = self.manifest.name, self.manifest.version
        self._invalid += 1
        if self._invalid == DEGRADED:
            event("model degraded", logging.ERROR, model=model, version=version, reason=str(error))

    def _found_valid(self) -> None:
        if self.degraded:
            event("model recovered", model=self.manifest.name, version=self.manifest.version)
        self._invalid = 0


def _late(seconds: float) -> DeadlineExceeded:
    return DeadlineExceeded(f"no answer within {seconds:g} s; send fewer or smaller items")

"""A pipeline behind a queue: the asynchronous way to ask a model."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from app.batching.batcher import Batcher
from app.batching.latency_model import BatchingPolicy
from app.errors import DeadlineExceeded
from app.modalities import Payload
from app.pipeline import (
    Answer,
    Answered,
    Asker,
    Continuation,
    NextWord,
    Pipeline,
    Question,
    Wanted,
    Word,
    ask,
)
from app.serving.deadline import WaitForDisconnect, with_deadline
from app.telemetry import Timings

Run = Callable[[Sequence[Question]], Sequence[Answered | Exception]]
OnToken = Callable[[Word], Awaitable[None]]


class ServedModel:
    """Asks a pipeline in batches; each batch is encoded, run and decoded in one go."""

    def __init__(
        self, pipeline: Pipeline, policy: BatchingPolicy, deadline: float, answer: Run | None = None
    ) -> None:
        """`answer`: answers a batch in the pipeline's place."""
        self.pipeline = pipeline
        self.manifest = pipeline.manifest
        self._deadline = deadline
        self._batcher: Batcher[Question, Answered] = Batcher(
            answer or pipeline.answer, policy, self._cost
        )

    async def answer(
        self,
        payloads: Sequence[Payload],
        wanted: Wanted[Answer],
        timings: Timings,
        departure: WaitForDisconnect | None = None,
    ) -> list[Answer]:
        """Answer every payload, in order; `pipeline.decoder` says what can be wanted.

        Raises `InvalidInput` with the index of a bad one, `DeadlineExceeded` after the deadline,
        `Departed` once `departure()` returns.
        """
        deadline = asyncio.get_running_loop().time() + self._deadline
        asker = Asker()
        questions = ask(payloads, wanted, asker)
        work = self._batcher.submit(questions, deadline)
        try:
            answers = await with_deadline(work, self._deadline, self._late, departure)
        finally:
            asker.left = True
        timings.waited(answers[-1].timings)
        return [answer.answer for answer in answers]

    async def complete(
        self,
        continuation: Continuation,
        timings: Timings,
        on_token: OnToken,
        departure: WaitForDisconnect,
    ) -> None:
        """Go on until `continuation` is finished; `on_token` gets every word as it is chosen.

        Its steps run in batches with those of others. Raises what `answer` does.
        """
        work = self._go_on(continuation, timings, on_token)
        await with_deadline(work, self._deadline, self._late, departure)

    async def close(self) -> None:
        """Refuse new work and wait for the work that was taken."""
        await self._batcher.close()

    async def _go_on(self, continuation: Continuation, timings: Timings, on_token: OnToken) -> None:
        while continuation.finished is None:
            spent = Timings()
            [step] = await self.answer([continuation.payload], NextWord(), spent)
            timings.add(spent)
            await on_token(continuation.take(step))

    def _cost(self, question: Question) -> float:
        return self.pipeline.encoder.cost(question.payload)

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"no answer within {self._deadline:g} s; send fewer or smaller items"
        )

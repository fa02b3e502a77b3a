"""A pipeline behind a queue: the asynchronous way to ask a model."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np

from app.engine.batcher import Batcher, Bounds
from app.engine.collate import Arrays
from app.errors import DeadlineExceeded
from app.inputs import Encoded, Payload
from app.outputs import Prediction
from app.pipeline import Pipeline
from app.serving.watch import Departure, watched
from app.telemetry import Timings


class ServedModel:
    """Encode → batch → run → decode, a line each."""

    def __init__(self, pipeline: Pipeline, bounds: Bounds, deadline: float) -> None:
        self.pipeline = pipeline
        self.manifest = pipeline.manifest
        self._deadline = deadline
        self._batcher: Batcher[Arrays, dict[str, np.ndarray]] = Batcher(
            pipeline.run, bounds, pipeline.size
        )

    async def classify(
        self,
        payloads: Sequence[Payload],
        top_k: int,
        timings: Timings,
        departure: Departure | None = None,
    ) -> list[Prediction]:
        """Answer every payload, in order.

        Raises `DeadlineExceeded` after the deadline, `Departed` once `departure()` returns.
        """
        work = self._classify(payloads, top_k, timings)
        return await watched(work, self._deadline, self._late, departure)

    async def close(self) -> None:
        """Refuse new work and wait for the work that was taken."""
        await self._batcher.close()

    async def _classify(
        self, payloads: Sequence[Payload], top_k: int, timings: Timings
    ) -> list[Prediction]:
        deadline = asyncio.get_running_loop().time() + self._deadline
        encoded = await self._encode(payloads)
        timings.lap("encode")
        outputs = await self._batcher.submit([item.arrays for item in encoded], deadline)
        timings.lap("infer")
        answers = zip(encoded, outputs, strict=True)
        predictions = [self.pipeline.decode(item, output, top_k) for item, output in answers]
        timings.lap("decode")
        return predictions

    async def _encode(self, payloads: Sequence[Payload]) -> list[Encoded]:
        """Encode here what is quickly done: the way to a thread and back would cost more."""
        if len(payloads) == 1 and self.pipeline.encoder.quick(payloads[0]):
            return self.pipeline.encode(payloads)
        abandoned = threading.Event()  # a thread cannot be cancelled: it looks between items
        try:
            return await asyncio.to_thread(self.pipeline.encode, payloads, abandoned)
        finally:
            abandoned.set()

    def _late(self) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"no answer within {self._deadline:g} s; send fewer or smaller items"
        )

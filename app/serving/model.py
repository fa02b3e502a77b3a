"""A pipeline behind a queue: the asynchronous way to ask a model."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.engine.batcher import Batcher
from app.engine.collate import Arrays
from app.errors import DeadlineExceeded
from app.inputs import Payload
from app.outputs import Asked, Prediction
from app.pipeline import Pipeline
from app.telemetry import Timings


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one model's queue. Seconds, counts of items."""

    max_batch: int = 32
    max_queue: int = 512
    deadline: float = 30.0


class ServedModel:
    """Encode → batch → run → decode, a line each."""

    def __init__(self, pipeline: Pipeline, limits: Limits) -> None:
        self.pipeline = pipeline
        self.manifest = pipeline.manifest
        self._limits = limits
        self._batcher: Batcher[Arrays, dict[str, np.ndarray]] = Batcher(
            pipeline.run, max_batch=limits.max_batch, max_queue=limits.max_queue
        )

    async def classify(
        self, payloads: Sequence[Payload], asked: Asked, timings: Timings
    ) -> list[Prediction]:
        """Answer every payload, in order; raise `DeadlineExceeded` after the deadline."""
        deadline = asyncio.get_running_loop().time() + self._limits.deadline
        abandoned = threading.Event()  # a thread cannot be cancelled: it looks between items
        try:
            async with asyncio.timeout_at(deadline):
                with timings.measure("encode"):
                    encoded = await asyncio.to_thread(self.pipeline.encode, payloads, abandoned)
                with timings.measure("infer"):
                    outputs = await self._batcher.submit([e.arrays for e in encoded], deadline)
        except TimeoutError:
            raise DeadlineExceeded(
                f"no answer within {self._limits.deadline:g} s; send fewer or smaller items"
            ) from None
        finally:
            abandoned.set()
        with timings.measure("decode"):
            answers = zip(encoded, outputs, strict=True)
            return [self.pipeline.decode(item, output, asked) for item, output in answers]

    async def close(self) -> None:
        """Refuse new work and wait for the work that was taken."""
        await self._batcher.close()

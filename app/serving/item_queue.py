"""Items → results: the queue of a model, whose graph this process runs or another one."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from app.batching.batcher import Batcher, OnBatch, no_batch_observer
from app.batching.latency_model import BatchingPolicy
from app.batching.memory_budget import MemoryBudget
from app.errors import TooLarge
from app.modalities.payload import Encoder, TensorPayload
from app.pipeline import InferenceItem, ItemResult, ModelInterface
from app.serving.daemon_thread import in_daemon_thread


class ItemQueue(Protocol):
    """Answers items; one event loop owns it. Its promises are those of `app.batching.batcher`."""

    @property
    def queued_items(self) -> int:
        """The items that wait."""
        ...

    @property
    def queued_seconds(self) -> float:
        """How long an item that came now would wait for its batch."""
        ...

    def require_room(self, left: float) -> None:
        """Raise `Overloaded` where an item that came now would wait too long, or be too late.

        left: seconds until its deadline.
        """
        ...

    async def submit(
        self, items: Sequence[InferenceItem], deadline: float, *, admitted: bool = False
    ) -> list[ItemResult]:
        """Return the answers to all items of a request, in order; see `Batcher.submit`."""
        ...

    async def close(self) -> None:
        """Accept no more items, wait until the accepted ones are answered, and free all."""
        ...


class Answers(Protocol):
    """Answers batches, until it is closed: a `Pipeline`, or several that are used as one."""

    def answer(self, items: Sequence[InferenceItem]) -> Sequence[ItemResult | Exception]:
        """Answer one batch."""
        ...

    def close(self) -> None:
        """Free all memory and end all threads."""
        ...


class PipelineQueue(Batcher[InferenceItem, ItemResult]):
    """Runs a pipeline in batches; one call encodes, runs and decodes a whole batch.

    interface: of the bundle. answers: the pipeline, which it closes. on_batch: is called with the
    number of items of each batch.
    """

    def __init__(
        self,
        interface: ModelInterface,
        answers: Answers,
        policy: BatchingPolicy,
        on_batch: OnBatch = no_batch_observer,
    ) -> None:
        self._answers, encoder = answers, interface.encoder
        super().__init__(
            answers.answer,
            policy,
            partial(_cost, encoder),
            on_batch=on_batch,
            decode_bytes=partial(_decode_bytes, encoder, policy.memory),
        )

    async def close(self) -> None:
        """Close the batcher, then free the sessions in a thread, because that may take a while."""
        await super().close()
        await in_daemon_thread(self._answers.close)


def _cost(encoder: Encoder, item: InferenceItem) -> float:
    if isinstance(item.payload, TensorPayload):
        return item.payload.cost
    return encoder.cost(item.payload)


def _decode_bytes(encoder: Encoder, memory: MemoryBudget, item: InferenceItem) -> int:
    """Return what decoding takes; raise `TooLarge` if it is more than may be taken at all."""
    if isinstance(item.payload, TensorPayload):
        return 0  # its arrays are the body that was received, which is counted there
    size, limit = encoder.decode_bytes(item.payload), memory.limit
    if limit is not None and size > limit:
        which = "this item" if item.index is None else f"item {item.index}"
        raise TooLarge(
            f"decoding {which} takes up to {size} bytes of memory, and the limit is {limit}; "
            "send a smaller or shorter one, or one of a simpler format"
        )
    return size

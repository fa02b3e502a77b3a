import asyncio
import gc
import threading
import weakref

import pytest

from app.batching.latency_model import BatchingPolicy
from app.errors import DeadlineExceeded, InvalidInput, NotReady
from app.modalities import Encoded, Payload
from app.pipeline import Pipeline
from app.serving.item_queue import PipelineQueue
from app.serving.model import ServedModel
from app.tasks.classify import ClassifyOptions
from app.tasks.complete import COMPLETE, start_generation
from app.tasks.generation import SamplingParams
from app.telemetry import Timings
from tests import fakes

pytestmark = pytest.mark.anyio
GOOD, BAD = Payload(b"good", "text/plain"), Payload(b"\xff", "text/plain")


def served(pipeline: Pipeline, policy: BatchingPolicy, deadline: float) -> ServedModel:
    return ServedModel(pipeline, PipelineQueue(pipeline, pipeline, policy), deadline)


class Slow(Pipeline):
    """A real pipeline whose encoder waits for a signal."""

    def __init__(self) -> None:
        super().__init__(fakes.text_bundle())
        self.go, self.encoded = threading.Event(), 0
        self.real, self.encoder = self.encoder, self

    def cost(self, payload: Payload) -> float:
        return 0.01

    def decode_bytes(self, payload: Payload) -> int:
        return 100

    def encode(self, payload: Payload) -> Encoded:
        self.encoded += 1
        assert self.go.wait(20)
        return self.real.encode(payload)


async def test_served_model_gives_the_answers_of_its_pipeline() -> None:
    pipeline, timings = Pipeline(fakes.text_bundle()), Timings()
    model = served(pipeline, BatchingPolicy(), 30)
    assert await model.answer([GOOD], ClassifyOptions(top_k=2), timings) == pipeline.predict(
        [GOOD], ClassifyOptions(top_k=2)
    )
    assert list(timings.stages) == ["queue", "encode", "infer"]
    await model.close()


async def test_served_model_error_has_the_index_of_the_invalid_item() -> None:
    model = served(Pipeline(fakes.text_bundle()), BatchingPolicy(), 30)
    with pytest.raises(InvalidInput) as caught:
        await model.answer([GOOD, BAD], ClassifyOptions(top_k=2), Timings())
    assert caught.value.index == 1
    assert len(await model.answer([GOOD], ClassifyOptions(top_k=2), Timings())) == 1
    await model.close()


async def test_deadline_ends_the_wait_and_cancels_the_work() -> None:
    pipeline = Slow()
    # A second, since a busy machine may take a while to start the first item.
    model = served(pipeline, BatchingPolicy(max_batch=1), 1)
    with pytest.raises(DeadlineExceeded, match=r"within 1 s"):
        await model.answer([GOOD] * 50, ClassifyOptions(top_k=2), Timings())
    pipeline.go.set()
    await model.close()
    assert pipeline.encoded == 1, "the other 49 were not touched"


async def test_closed_model_is_not_ready() -> None:
    model = served(Pipeline(fakes.text_bundle()), BatchingPolicy(), 30)
    await model.close()
    with pytest.raises(NotReady):
        await model.answer([GOOD], ClassifyOptions(top_k=2), Timings())


async def test_a_running_generation_is_finished_before_the_model_is_closed() -> None:
    model, steps = served(Pipeline(fakes.words_bundle()), BatchingPolicy(), 30), []
    prompt = Payload(b"The day", "text/plain")
    generation = start_generation(model.pipeline.encoder, prompt, SamplingParams(4))
    closing: list[asyncio.Task[None]] = []

    async def on_step(step: object) -> None:
        if not closing:
            closing.append(asyncio.create_task(model.close()))
            await asyncio.sleep(0.01)
            assert model.closed
        steps.append(step)

    async def never() -> None:
        await asyncio.Event().wait()

    await model.generate(COMPLETE, generation, Timings(), on_step, never)
    assert len(steps) == 4
    await closing[0]
    with pytest.raises(NotReady):
        await model.answer([GOOD], ClassifyOptions(top_k=2), Timings())


async def test_a_closed_model_is_in_no_cycle() -> None:
    gc.collect()
    gc.disable()
    try:
        pipeline = Pipeline(fakes.text_bundle(), threads=2)
        model = served(pipeline, BatchingPolicy(inline_seconds=0), 30)
        await model.answer([GOOD, GOOD], ClassifyOptions(top_k=2), Timings())
        names = {thread.name.partition("_")[0] for thread in threading.enumerate()}
        assert names >= {"encoder", "batcher"}
        kept = [weakref.ref(each) for each in (pipeline, pipeline._session, model)]
        await model.close()
        del pipeline, model
        async with asyncio.timeout(20):
            while any(each() is not None for each in kept):  # its threads are ending
                await asyncio.sleep(0.001)
    finally:
        gc.enable()

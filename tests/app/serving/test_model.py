import asyncio
import threading

import pytest

from app.errors import DeadlineExceeded, InvalidInput, NotReady
from app.inputs import Encoded, Payload
from app.outputs import Asked
from app.pipeline import Pipeline
from app.serving.model import Limits, ServedModel
from app.telemetry import Timings
from tests import fakes

pytestmark = pytest.mark.anyio
GOOD, BAD = Payload(b"good", "text/plain"), Payload(b"\xff", "text/plain")


class Slow(Pipeline):
    """A real pipeline whose encoder waits for a signal."""

    def __init__(self) -> None:
        super().__init__(fakes.text_bundle())
        self.go, self.done, self.encoded = threading.Event(), threading.Event(), 0
        self.real, self.encoder = self.encoder, self

    def accepts(self, media_type: str) -> bool:
        return True

    def encode(self, payloads, abandoned=None):
        if isinstance(payloads, Payload):
            return self.encode_one(payloads)
        try:
            return super().encode(payloads, abandoned)
        finally:
            self.done.set()

    def encode_one(self, payload: Payload) -> Encoded:
        self.encoded += 1
        assert self.go.wait(20)
        return self.real.encode(payload)


async def test_it_answers_as_its_pipeline_does() -> None:
    pipeline, timings = Pipeline(fakes.text_bundle()), Timings()
    model = ServedModel(pipeline, Limits())
    assert await model.classify([GOOD], Asked(2), timings) == pipeline.classify([GOOD], 2)
    assert list(timings.stages) == ["encode", "infer", "decode"]
    await model.close()


async def test_a_bad_item_never_reaches_a_batch() -> None:
    model = ServedModel(Pipeline(fakes.text_bundle()), Limits())
    with pytest.raises(InvalidInput) as caught:
        await model.classify([GOOD, BAD], Asked(2), Timings())
    assert caught.value.index == 1
    assert len(await model.classify([GOOD], Asked(2), Timings())) == 1
    await model.close()


async def test_the_deadline_ends_the_waiting_and_the_work() -> None:
    pipeline = Slow()
    model = ServedModel(pipeline, Limits(deadline=0.01))
    with pytest.raises(DeadlineExceeded, match=r"within 0.01 s"):
        await model.classify([GOOD] * 50, Asked(2), Timings())
    pipeline.go.set()
    assert await asyncio.to_thread(pipeline.done.wait, 20)
    assert pipeline.encoded == 1, "the other 49 were not touched"


async def test_after_close_it_takes_nothing() -> None:
    model = ServedModel(Pipeline(fakes.text_bundle()), Limits())
    await model.close()
    with pytest.raises(NotReady):
        await model.classify([GOOD], Asked(2), Timings())

"""A model whose graph replicas run gives the answers, refusals and errors of a local one."""

import asyncio
import sys
from pathlib import Path
from types import ModuleType

import pytest

from app.batching.latency_model import BatchingPolicy
from app.bundle import read_bundle
from app.cluster.asked import Asked, Reply
from app.cluster.autoscaling import QueueSeconds
from app.cluster.replica_queue import ReplicaQueue
from app.errors import InvalidInput, NotReady, Overloaded
from app.modalities import Payload
from app.pipeline import ModelInterface, Pipeline
from app.registry import SHIPPED
from app.serving.item_queue import PipelineQueue
from app.serving.model import ServedModel
from app.tasks.classify import ClassifyOptions
from app.telemetry import Timings
from tests import fakes

pytestmark = pytest.mark.anyio
GOOD, BAD = Payload(b"good day", "text/plain"), Payload(b"\xff", "text/plain")


class Lost(Exception):
    """What Ray raises for a process that has ended."""


class Full(Exception):
    """What Ray Serve raises where too many wait."""


@pytest.fixture(autouse=True)
def _errors_of_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the two modules of Ray with its errors: these tests run without it."""
    for name, errors in {
        "ray": {},
        "ray.exceptions": {"RayActorError": Lost},
        "ray.serve": {},
        "ray.serve.exceptions": {"BackPressureError": Full, "DeploymentUnavailableError": Lost},
    }.items():
        module = ModuleType(name)
        vars(module).update(errors)
        monkeypatch.setitem(sys.modules, name, module)


class Response:
    """A reply that is awaited, as Ray Serve's."""

    def __init__(self, work) -> None:
        self.work, self.cancelled = work, False

    def __await__(self):
        return self.work.__await__()

    def cancel(self) -> None:
        self.cancelled = True


class Replicas:
    """A deployment in this process: the model, and what happens to the next questions."""

    deployment_name = "moods"

    def __init__(self, *happens: Exception) -> None:
        pipeline = Pipeline(fakes.text_bundle())
        queue = PipelineQueue(pipeline, pipeline, BatchingPolicy())
        self.model = ServedModel(pipeline, queue, 30)
        self.happens, self.asked = list(happens), list[Asked]()
        self.responses = list[Response]()
        self.answer = self
        self.gate = asyncio.Event()
        self.gate.set()

    def remote(self, asked: Asked) -> Response:
        self.asked.append(asked)
        self.responses.append(Response(self.reply(asked)))
        return self.responses[-1]

    async def reply(self, asked: Asked) -> Reply:
        await self.gate.wait()
        if self.happens:
            raise self.happens.pop(0)
        timings = Timings()
        try:
            answers = await self.model.answer(asked.payloads, asked.options, timings)
        except InvalidInput as error:
            return Reply(error=error, queued_items=3, queued_seconds=0.5)
        return Reply(answers, None, {"encode": 0.1, "infer": 0.2}, 3, 0.5)


def elsewhere(replicas: Replicas) -> ServedModel:
    interface = ModelInterface(fakes.text_bundle(), "CPUExecutionProvider")
    return ServedModel(interface, ReplicaQueue(replicas, 1), 30)


async def test_the_answers_are_those_of_the_model() -> None:
    replicas, timings = Replicas(), Timings()
    model, options = elsewhere(replicas), ClassifyOptions(top_k=2)
    expected = replicas.model.pipeline.predict([GOOD, GOOD], options)
    assert await model.answer([GOOD, GOOD], options, timings) == expected
    assert {name: timings.stages[name] for name in ("encode", "infer")} == {
        "encode": 0.1,
        "infer": 0.2,
    }
    assert (model.queued_items, model.queued_seconds) == (3, 0.5)
    assert replicas.asked[0].version == 1
    assert 0 < replicas.asked[0].seconds <= 30


async def test_an_error_has_the_index_of_its_item() -> None:
    with pytest.raises(InvalidInput) as caught:
        await elsewhere(Replicas()).answer([GOOD, BAD], ClassifyOptions(top_k=2), Timings())
    assert caught.value.index == 1


async def test_what_a_lost_replica_was_answering_is_asked_once_more() -> None:
    replicas = Replicas(Lost())
    answers = await elsewhere(replicas).answer([GOOD], ClassifyOptions(), Timings())
    assert len(answers) == 1
    assert len(replicas.asked) == 2
    replicas = Replicas(Lost(), Lost(), Lost())
    with pytest.raises(NotReady, match="the replicas that answered have ended"):
        await elsewhere(replicas).answer([GOOD], ClassifyOptions(), Timings())
    assert len(replicas.asked) == 2, "an item that ends replicas ends two at most"


async def test_a_full_deployment_is_an_overload() -> None:
    with pytest.raises(Overloaded):
        await elsewhere(Replicas(Full())).answer([GOOD], ClassifyOptions(), Timings())


async def test_a_request_that_is_given_up_is_cancelled_in_the_replica() -> None:
    replicas = Replicas()
    replicas.gate.clear()
    work = asyncio.ensure_future(
        elsewhere(replicas).answer([GOOD], ClassifyOptions(), Timings(), None)
    )
    while not replicas.responses:
        await asyncio.sleep(0)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert replicas.responses[0].cancelled


async def test_close_waits_for_what_was_accepted() -> None:
    replicas = Replicas()
    replicas.gate.clear()
    model = elsewhere(replicas)
    work = asyncio.ensure_future(model.answer([GOOD], ClassifyOptions(), Timings()))
    while not replicas.responses:
        await asyncio.sleep(0)
    closing = asyncio.ensure_future(model.close())
    await asyncio.sleep(0)
    assert not closing.done()
    replicas.gate.set()
    await closing
    assert work.done() or await work
    with pytest.raises(NotReady):
        await model.answer([GOOD], ClassifyOptions(), Timings())


async def test_the_interface_of_a_bundle_is_that_of_its_pipeline(published: Path) -> None:
    for folder in sorted(published.glob("*/1")):
        bundle = read_bundle(folder, SHIPPED)
        pipeline, interface = Pipeline(bundle), ModelInterface(bundle)
        assert interface.tasks == pipeline.tasks
        assert list(interface.answer_tensors) == list(pipeline.answer_tensors)
        assert interface.encoder.media_types == pipeline.encoder.media_types


@pytest.mark.parametrize(
    ("now", "seconds", "wanted"),
    [
        (1, [0.05], 1),  # below the target
        (1, [0.15], 2),
        (2, [0.1, 0.18], 3),
        (2, [0.9, 0.9], 4),  # at most twice as many
        (3, [0.001, 0.0, 0.0], 2),
        (1, [0.0], 1),
        (2, [], 2),  # nothing is known
        (0, [], 1),
    ],
)
def test_replicas_follow_the_seconds_of_waiting(now: int, seconds: list, wanted: int) -> None:
    assert QueueSeconds(0.1).wanted(now, dict(enumerate(seconds))) == wanted

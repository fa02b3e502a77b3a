"""A model that fails for some items: its problem, its count, its state; its neighbours; its end."""

import asyncio

import pytest

from tests import fakes
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/faulty/classify"
PNG = {"Content-Type": "image/png"}
GOOD, NAN, ERROR, ENDLESS = map(fakes.plain, (fakes.BLUE, fakes.BLACK, fakes.WHITE, fakes.RED))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    return fakes.publish_all(tmp_path_factory.mktemp("faulty"), fakes.faulty_bundle())


async def ask(client, picture: bytes):
    return await client.post(PATH, content=picture, headers=PNG)


@pytest.mark.parametrize("bad", [NAN, ERROR], ids=["nan", "error"])
async def test_an_item_without_an_answer_is_a_problem_of_its_own_type(faulty, bad: bytes) -> None:
    async with open_service(faulty) as client:
        response = await ask(client, bad)
        problem = response.json()
        assert response.status_code == problem["status"] == 500
        assert problem["type"] == "urn:thalamus:problem:model-output-invalid"
        assert problem["title"] == "Model Output Invalid"
        assert "ONNX" not in response.text and "index" not in problem
        files = [("file", ("a.png", each, "image/png")) for each in (GOOD, bad)]
        assert (await client.post(PATH, files=files)).json()["index"] == 1
        metrics = (await client.get("/metrics")).text
        assert 'thalamus_refusals_total{model="faulty",reason="output_invalid"} 2.0' in metrics


async def test_the_neighbours_of_a_bad_item_get_their_answers(faulty) -> None:
    async with open_service(faulty) as client:
        pictures = [GOOD, NAN, GOOD, ERROR] * 8
        responses = await asyncio.gather(*(ask(client, picture) for picture in pictures))
    statuses = [response.status_code for response in responses]
    assert statuses == [200, 500, 200, 500] * 8
    assert {r.json()["predictions"][0]["label"] for r in responses[::2]} == {"blue"}


async def test_a_version_is_degraded_from_three_failures_to_the_next_answer(faulty, caplog) -> None:
    async def version() -> dict:
        return (await client.get("/v1/models")).json()["models"][0]["versions"][0]

    caplog.set_level("INFO", "thalamus")
    async with open_service(faulty) as client:
        for bad in (NAN, ERROR):
            await ask(client, bad)
        assert "degraded" not in await version()
        await ask(client, NAN)
        await ask(client, NAN)
        assert (await version())["degraded"] is True
        assert (await version())["state"] == "ready"
        assert (await client.get("/readyz")).status_code == 200
        assert (await ask(client, GOOD)).status_code == 200
        assert "degraded" not in await version()
    logged = [record.message for record in caplog.records]
    assert logged.count("model degraded") == logged.count("model recovered") == 1


@pytest.mark.parametrize("before", [0, 50], ids=["in a thread", "on the event loop"])
async def test_a_graph_that_never_ends_is_a_504_and_the_model_goes_on(faulty, before: int) -> None:
    """After many quick runs, batches run on the event loop, which a run stops."""
    async with open_service(faulty, deadline=0.5) as client:
        for _ in range(before):
            await ask(client, GOOD)
        assert (await ask(client, ENDLESS)).status_code == 504
        while (await ask(client, GOOD)).status_code == 503:  # until the run is ended
            await asyncio.sleep(0.01)
        assert (await ask(client, GOOD)).status_code == 200

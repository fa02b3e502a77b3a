"""What `GET /metrics` says about requests, through the whole application."""

import asyncio
import re

import pytest

from app.in_flight import WorkerGroup
from tests import fakes
from tests.app.api.test_complete import PATH as COMPLETE
from tests.app.api.test_complete import _scope as stream_scope
from tests.app.api.test_edge import Exchange, Gate
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH, TEXT = "/v1/models/moods/classify", {"Content-Type": "text/plain"}


async def series(client) -> dict[str, float]:
    response = await client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = re.findall(r"^(\w+(?:\{.*\})?) (\S+)$", response.text, re.MULTILINE)
    return {name: float(value) for name, value in found}


def requests(found: dict[str, float], operation: str, status: int, model: str = "moods") -> float:
    version = "1" if model else ""
    labels = f'model="{model}",version="{version}",operation="{operation}",status="{status}"'
    return found[f"thalamus_requests_total{{{labels}}}"]


async def test_requests_are_counted_and_their_series_are_bounded(published) -> None:
    async with open_service(published) as client:
        before = await series(client)
        await client.post(PATH, json={"instances": ["good", "bad"]})
        for round_ in range(30):
            await client.post(PATH, content=b"good", headers=TEXT | {"X-Request-ID": f"r{round_}"})
            await client.post(f"/v1/models/m{round_}/classify", content=b"", headers=TEXT)
            await client.post(f"/v1/models/m{round_}/versions/3/classify", content=b"")
            await client.get(f"/nowhere/{round_}")
            await client.get(f"/v1/models/m{round_}")
        after = await series(client)
    assert after.keys() == before.keys()
    assert after['thalamus_items_total{model="moods",version="1"}'] == 32
    assert requests(after, "classify", 200) == 31
    assert requests(after, "classify", 404, model="") == 60
    assert requests(after, "other", 404, model="") == 60
    assert requests(after, "embed", 404, model="") == 0


async def test_probes_are_counted_apart(published) -> None:
    async with open_service(published) as client:
        before = await series(client)
        for path in ("/livez", "/readyz", "/metrics"):
            await client.get(path)
        after = await series(client)
    changed = {name for name, value in after.items() if value != before[name]}
    by_request = {name for name in changed if name.startswith("thalamus_")}
    assert by_request == {
        'thalamus_requests_total{model="",version="",operation="probe",status="200"}'
    }


async def test_a_request_that_names_no_model_counts_for_the_one_that_answered(published) -> None:
    async with open_service(published) as client:
        await client.post("/v1/classify", content=b"good", headers=TEXT)
        assert requests(await series(client), "classify", 200) == 1


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"\xff", "headers": {"Content-Type": "text/plain; charset=utf-8"}}, 422),
        ({"content": b"x", "headers": {"Content-Type": "image/png"}}, 415),
        ({"json": {"instances": ["good"] * 65}}, 413),
        ({"content": b"good", "headers": TEXT, "params": {"top": 1}}, 422),
    ],
)
async def test_a_clients_error_is_counted_and_is_no_time_of_the_model(
    published, request_: dict, status: int
) -> None:
    async with open_service(published) as client:
        await client.post(PATH, **request_)
        found = await series(client)
    known = "moods" if "params" not in request_ else ""  # options are read first
    assert requests(found, "classify", status, known) == 1
    assert not any(value for name, value in found.items() if "seconds_count" in name)


async def test_a_full_queue_is_a_refusal_of_its_model(published) -> None:
    async with open_service(published, max_queue=1) as client:
        await client.post(PATH, json={"instances": ["good", "bad"]})
        found = await series(client)
    assert found['thalamus_refusals_total{model="moods",reason="queue_full"}'] == 1
    assert requests(found, "classify", 503) == 1


async def test_a_model_that_is_not_ready_is_named(tmp_path) -> None:
    root = fakes.publish_all(tmp_path, fakes.text_bundle())
    (root / "moods" / "1" / "model.onnx").write_bytes(b"x")
    async with open_service(root, wait=False) as client:
        while (await client.post(PATH, content=b"good", headers=TEXT)).status_code != 503:
            await asyncio.sleep(0.005)
        await client.post("/v1/models/moods/versions/1/classify", content=b"", headers=TEXT)
        found = await series(client)
    assert found['thalamus_refusals_total{model="moods",reason="not_ready"}'] == 2
    assert requests(found, "classify", 503) == 1
    assert found['thalamus_load_failures_total{model="moods",version="1"}'] == 1
    state = 'thalamus_version_workers{{model="moods",version="1",state="{}"}}'
    assert (found[state.format("failed")], found[state.format("ready")]) == (1, 0)


async def test_limits_of_admission_have_their_reasons(published) -> None:
    with Gate() as gate:
        async with open_service(
            published, modalities=gate.modalities, max_requests=1, max_body=1024
        ) as client:
            await client.post(PATH, content=b"x" * 2000, headers=TEXT)
            waiting = asyncio.create_task(client.post(PATH, content=b"wait", headers=TEXT))
            await gate.entered()
            assert (await series(client))["thalamus_requests_in_flight"] == 1
            await client.post(PATH, content=b"good", headers=TEXT)
            gate.go.set()
            await waiting
            found = await series(client)
    assert found['thalamus_refusals_total{model="",reason="too_large"}'] == 1
    assert found['thalamus_refusals_total{model="",reason="requests_in_flight"}'] == 1
    assert found["thalamus_requests_in_flight"] == 0


async def test_waiting_items_are_seen_in_the_queue(published) -> None:
    with Gate() as gate:
        async with open_service(published, modalities=gate.modalities) as client:
            waiting = [asyncio.create_task(client.post(PATH, content=b"wait", headers=TEXT))]
            await gate.entered()
            waiting += [
                asyncio.create_task(client.post(PATH, content=b"good", headers=TEXT))
                for _ in range(2)
            ]
            await asyncio.sleep(0.01)
            found = await series(client)
            gate.go.set()
            await asyncio.gather(*waiting)
            after = await series(client)
    labels = '{model="moods",version="1"}'
    assert found[f"thalamus_queue_items{labels}"] == 2
    assert found[f"thalamus_queue_seconds{labels}"] > 0
    assert after[f"thalamus_queue_items{labels}"] == after[f"thalamus_queue_seconds{labels}"] == 0
    assert after[f"thalamus_batch_items_sum{labels}"] == 3
    assert after[f"thalamus_batch_items_count{labels}"] == 2


async def test_a_client_that_left_is_499(published) -> None:
    async with open_service(published) as client:
        exchange = Exchange(client.app)
        exchange.arrives(b"good", more=True)
        exchange.leaves()
        await asyncio.gather(exchange.task, return_exceptions=True)
        assert requests(await series(client), "classify", 499) == 1


async def test_a_stream_that_fails_is_counted_by_its_error(tmp_path) -> None:
    root = fakes.publish_all(tmp_path, fakes.words_bundle())
    body = b'{"text": "the", "max_words": 500}'
    async with open_service(root, deadline=0.2) as client:
        arrived = iter([{"type": "http.request", "body": body}])

        async def receive() -> dict:
            for message in arrived:
                return message
            return await asyncio.get_running_loop().create_future()

        async def send(_message: dict) -> None:
            await asyncio.sleep(0.005)

        await client.app(stream_scope(), receive, send)
        whole = await client.post(COMPLETE, json={"text": "the", "max_words": 2})
        found = await series(client)
    assert whole.status_code == 200
    assert requests(found, "complete", 504, "prose") == 1
    assert requests(found, "complete", 200, "prose") == 1
    assert found['thalamus_refusals_total{model="prose",reason="deadline"}'] == 1


async def test_the_service_says_what_runs_and_how_it_is(published) -> None:
    async with open_service(published) as client:
        found = await series(client)
    [build] = [name for name in found if name.startswith("thalamus_build_info")]
    assert re.search(r'version="[\d.]+",onnxruntime="[\d.]+",provider="CPU', build)
    assert found["thalamus_workers"] == 1
    assert found["thalamus_worker_restarts_total"] == 0
    assert found['process_resident_memory_bytes{worker="0"}'] > 2**20


async def test_restarts_are_those_that_the_supervisor_has_counted(published) -> None:
    from app.factory import create_app
    from app.settings import Settings

    app = create_app(Settings(models=published), WorkerGroup(restarts=lambda: 3))
    assert b"\nthalamus_worker_restarts_total 3.0\n" in app.state.gauges.render()

import logging

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app import errors
from app.metrics import Metrics, families
from app.metrics.counting import withdraw_gauges
from app.shared_numbers import SharedNumbers
from app.telemetry import RequestRecord, Timings


def record(**noted) -> RequestRecord:
    made = RequestRecord()
    usual = {"model": "moods", "version": 1, "operation": "classify"}
    for name, value in (usual | noted).items():
        setattr(made, name, value)
    return made


def timed(**stages: float) -> Timings:
    timings = Timings()
    timings.stages = stages
    return timings


def work(shared: SharedNumbers) -> None:
    """Answer two items and queue five as worker 1."""
    shared.join(1)
    metrics = Metrics(shared)
    metrics.answered(record(items=2), 200, 0.1)
    metrics.set(families.QUEUE_ITEMS, {("moods", "1"): 5})


def series_names(metrics: Metrics) -> set[str]:
    return {name.partition("{")[0] for name in rendered(metrics)}


def rendered(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render().decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def seen(metrics: Metrics) -> dict[str, float]:
    """Return every series that is not 0."""
    return {name: value for name, value in rendered(metrics).items() if value}


REQUESTS = 'thalamus_requests_total{{model="moods",version="1",operation="classify",status="{}"}}'
ITEMS = 'thalamus_items_total{model="moods",version="1"}'


def test_metrics_of_two_services_are_separate() -> None:
    one, other = Metrics(), Metrics()
    one.answered(record(), 422, 0.1)
    assert seen(one) == {REQUESTS.format(422): 1}
    assert seen(other) == {}


def test_an_answer_is_counted_with_its_items_time_and_stages() -> None:
    metrics = Metrics()
    served = record(items=3, timings=timed(queue=0.00005, infer=0.002), abstained=2)
    metrics.answered(served, 200, 0.0025)
    found = rendered(metrics)
    labels = 'model="moods",version="1"'
    assert found[REQUESTS.format(200)] == 1
    assert found[ITEMS] == 3
    assert found[f"thalamus_abstained_total{{{labels}}}"] == 2
    timed_as = f'{labels},operation="classify"'
    assert found[f'thalamus_request_seconds_bucket{{{timed_as},le="0.001"}}'] == 0
    assert found[f'thalamus_request_seconds_bucket{{{timed_as},le="0.0025"}}'] == 1
    assert found[f'thalamus_stage_seconds_bucket{{{labels},stage="queue",le="0.0001"}}'] == 1
    assert found[f'thalamus_stage_seconds_sum{{{labels},stage="infer"}}'] == pytest.approx(0.002)


def test_a_failed_request_counts_no_item_and_no_time() -> None:
    metrics = Metrics()
    metrics.answered(record(items=3, reason="queue_full"), 503, 0.1)
    refused = 'thalamus_refusals_total{model="moods",reason="queue_full"}'
    assert seen(metrics) == {REQUESTS.format(503): 1, refused: 1}


def test_series_of_a_version_are_there_before_its_first_request() -> None:
    metrics = Metrics(statuses=(200, 422, 503))
    metrics.expect("moods", 1, ["classify"], abstains=True)
    metrics.load_failed("moods", 1, 0)
    before = rendered(metrics)
    assert set(before.values()) == {0}
    served = record(items=1, timings=timed(queue=1, encode=1, infer=1), abstained=1)
    metrics.answered(served, 200, 0.1)
    for status in (422, 503):
        metrics.answered(record(reason="queue_full"), status, 0.1)
    metrics.batch("moods", 1, 4)
    metrics.load_failed("moods", 1)
    assert rendered(metrics).keys() == before.keys()


def test_every_reason_to_refuse_is_there_before_the_first_refusal() -> None:
    found = rendered(Metrics())
    for kind in (errors.Overloaded, errors.TooLarge, errors.NotReady, errors.DeadlineExceeded):
        assert found[f'thalamus_refusals_total{{model="",reason="{kind.reason}"}}'] == 0


def test_probes_and_unknown_addresses_are_counted_as_operations_of_their_own() -> None:
    metrics = Metrics()
    metrics.answered(record(model="", version="", operation="probe"), 503, 0.1)
    metrics.answered(RequestRecord(), 404, 0.1)
    assert {name.partition("operation=")[2] for name in seen(metrics)} == {
        '"probe",status="503"}',
        '"other",status="404"}',
    }


def test_metrics_are_summed_over_workers() -> None:
    shared = SharedNumbers(3)
    for worker in range(3):
        shared.join(worker)
        metrics = Metrics(shared)
        served = record(items=worker, timings=timed(encode=1.0))
        metrics.answered(served, 200, 0.5)
    found = rendered(metrics)
    assert found[REQUESTS.format(200)] == 3
    assert found[ITEMS] == 3
    assert found['thalamus_stage_seconds_sum{model="moods",version="1",stage="encode"}'] == 3


def test_a_restarted_worker_keeps_its_counts_and_withdraws_its_gauges() -> None:
    shared = SharedNumbers(2)
    work(shared)
    shared.join(1)
    second = Metrics(shared)
    assert "thalamus_queue_items" not in series_names(second)
    second.answered(record(items=1), 200, 0.1)
    assert rendered(second)[ITEMS] == 3


def test_the_gauges_of_a_worker_that_has_ended_are_withdrawn_by_another_process() -> None:
    shared = SharedNumbers(2)
    work(shared)
    shared.join(0)
    withdraw_gauges(shared.of(1))
    left = Metrics(shared)
    assert "thalamus_queue_items" not in series_names(left)
    assert rendered(left)[ITEMS] == 2


def test_gauges_of_a_removed_version_disappear() -> None:
    metrics = Metrics()
    metrics.set(families.QUEUE_ITEMS, {("moods", "1"): 5, ("moods", "2"): 1})
    metrics.set(families.QUEUE_ITEMS, {("moods", "2"): 2})
    series = 'thalamus_queue_items{{model="moods",version="{}"}}'
    assert seen(metrics) == {series.format(2): 2}
    metrics.set(families.QUEUE_ITEMS, {("moods", "1"): 3, ("moods", "2"): 2})
    assert seen(metrics) == {series.format(1): 3, series.format(2): 2}


def test_values_of_the_service_replace_those_of_its_workers() -> None:
    metrics = Metrics()
    text = metrics.render({families.IN_FLIGHT: {(): 4}, families.WORKERS: {(): 2}}).decode()
    assert "\nthalamus_requests_in_flight 4.0\n" in text
    assert "\nthalamus_workers 2.0\n" in text


def test_full_memory_is_logged_once_and_counting_continues(caplog, monkeypatch) -> None:
    monkeypatch.setattr(logging.getLogger("thalamus"), "propagate", True)
    metrics = Metrics(SharedNumbers(region=2000))
    for version in range(3):
        metrics.expect("moods", version, ["classify"])
        metrics.answered(record(version=version, items=1), 200, 0.1)
    assert [one.getMessage() for one in caplog.records].count(
        "no room for more metrics; new ones are of one worker only"
    ) == 1
    assert sum(v for name, v in rendered(metrics).items() if "items_total" in name) == 3


def test_prometheus_parses_every_metric_family() -> None:
    metrics = Metrics(operations=("classify",), statuses=(200, 503))
    metrics.expect("moods", 1, ["classify"])
    names = {each.name for each in text_string_to_metric_families(metrics.render().decode())}
    assert names == {each.name for each in families.FAMILIES}

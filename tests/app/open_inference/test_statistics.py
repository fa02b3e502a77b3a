"""The protocol's statistics are sums of the counters that all workers share."""

from app.in_flight import WorkerGroup
from app.metrics import Metrics
from app.open_inference.statistics import model_statistics
from app.telemetry import RequestRecord, Timings


def counted(metrics: Metrics, status: int, items: int, seconds: float, version: int = 1) -> None:
    record = RequestRecord()
    record.model, record.version, record.operation = "m", version, "classify"
    record.items = items
    if status == 200:
        record.timings = Timings()
        record.timings.stages = {"queue": 0.25, "encode": 0.5, "infer": 1.0}
        metrics.batch("m", version, items)
    metrics.answered(record, status, seconds)


def test_statistics_are_of_one_version_and_of_all_workers() -> None:
    group = WorkerGroup()
    one, other = Metrics(group.numbers), Metrics(group.numbers)
    counted(one, 200, 3, 2.0)
    counted(other, 200, 1, 1.0)
    counted(other, 200, 7, 1.0, version=2)
    counted(one, 400, 1, 5.0)
    found = model_statistics(one.totals(), "m", 1)
    assert found["name"] == "m" and found["version"] == "1"
    assert found["inference_count"] == 4 and found["execution_count"] == 2
    stats = found["inference_stats"]
    assert stats["success"] == {"count": 2, "ns": 3_000_000_000}
    assert stats["fail"] == {"count": 1, "ns": 0}
    assert stats["queue"] == {"count": 2, "ns": 500_000_000}
    assert stats["compute_input"] == {"count": 2, "ns": 1_000_000_000}
    assert stats["compute_infer"] == {"count": 2, "ns": 2_000_000_000}
    assert stats["compute_output"] == stats["cache_hit"] == {"count": 0, "ns": 0}
    assert one.latest_answer("m", 1) > 1.7e9 and found["batch_stats"] == []


def test_a_version_that_has_answered_nothing_has_zeros() -> None:
    found = model_statistics(Metrics().totals(), "m", 1)
    assert found["last_inference"] == found["inference_count"] == found["execution_count"] == 0
    assert {each["count"] for each in found["inference_stats"].values()} == {0}

import os
from pathlib import Path

import pytest

from app.metrics import Metrics
from app.telemetry import Timings


def timed(**stages: float) -> Timings:
    timings = Timings()
    timings.stages = stages
    return timings


def rendered(metrics: Metrics) -> dict[str, float]:
    lines = metrics.render().decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_metrics_of_two_services_are_separate() -> None:
    one, other = Metrics(), Metrics()
    one.answered(200)
    assert rendered(one) == {'thalamus_requests_total{status="200"}': 1}
    assert rendered(other) == {}


def test_histogram_buckets_are_cumulative() -> None:
    metrics = Metrics()
    for seconds in (0.0005, 0.001, 0.002, 99.0):
        metrics.served("moods", 1, 2, timed(infer=seconds))
    found = rendered(metrics)
    series = 'thalamus_stage_seconds_{}model="moods",stage="infer"'
    counts = {
        le: found[series.format("bucket{").replace("{model", f'{{le="{le}",model') + "}"]
        for le in ("0.001", "0.0025", "30.0", "+Inf")
    }
    assert counts == {"0.001": 2, "0.0025": 3, "30.0": 3, "+Inf": 4}
    assert found[series.format("count{") + "}"] == 4
    assert found[series.format("sum{") + "}"] == pytest.approx(99.0035)
    assert found['thalamus_items_total{model="moods",version="1"}'] == 8


def test_metrics_are_summed_over_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = [Metrics(tmp_path) for _ in range(3)]
    for number, worker in enumerate(workers):
        monkeypatch.setattr(os, "getpid", lambda number=number: number)
        worker.answered(200)
        worker.served("moods", 1, number, timed(encode=1.0))
        worker.save()
    for number, worker in enumerate(workers):
        monkeypatch.setattr(os, "getpid", lambda number=number: number)
        found = rendered(worker)
        assert found['thalamus_requests_total{status="200"}'] == 3
        assert found['thalamus_items_total{model="moods",version="1"}'] == 3
        assert found['thalamus_stage_seconds_sum{model="moods",stage="encode"}'] == 3


def test_unchanged_metrics_are_not_saved(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path)
    assert not metrics.save()
    assert list(tmp_path.iterdir()) == []
    metrics.answered(200)
    assert metrics.save()
    (saved,) = tmp_path.iterdir()
    saved.unlink()
    assert not metrics.save()
    assert list(tmp_path.iterdir()) == []


def test_save_returns_whether_counts_changed() -> None:
    metrics = Metrics()
    metrics.answered(200)
    assert (metrics.save(), metrics.save()) == (True, False)

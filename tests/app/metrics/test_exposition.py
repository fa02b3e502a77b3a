"""The text that is scraped: prometheus_client parses it, and promtool finds nothing to say."""

import math
import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.metrics.exposition import exposition, join_workers
from app.metrics.families import FAMILIES, QUEUE_SECONDS, REFUSALS, REQUEST_SECONDS, Family

AWKWARD = 'a "quoted"\\ and\nbroken'


def every_family() -> dict:
    """Return one series of each family."""
    return {
        each.name: {
            tuple(f"a {label}" for label in each.labels): [float(n) for n in range(each.numbers)]
        }
        for each in FAMILIES
    }


def samples(text: bytes) -> dict[tuple, float]:
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_every_family_is_parsed_as_it_was_meant() -> None:
    parsed = list(text_string_to_metric_families(exposition(every_family()).decode()))
    assert [(one.name, one.type, one.documentation) for one in parsed] == [
        (each.name, each.kind, each.text) for each in FAMILIES
    ]
    for one, family in zip(parsed, FAMILIES, strict=True):
        expected = {*family.labels, *(("le",) if family.kind == "histogram" else ())}
        assert {name for sample in one.samples for name in sample.labels} == expected


def test_no_sample_has_the_name_of_another_family() -> None:
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    names = [each.name + suffix for each in FAMILIES for suffix in suffixes[each.kind]]
    assert len(set(names)) == len(names)
    assert {each.name for each in FAMILIES}.isdisjoint(
        each.name + suffix for each in FAMILIES for suffix in suffixes[each.kind] if suffix
    )


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_has_no_objection() -> None:
    result = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition(every_family()), capture_output=True
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, b"")


def test_buckets_are_cumulative() -> None:
    family = REQUEST_SECONDS
    labels = ("digits", "1", "classify")
    counts = [0.0] * (family.numbers - 1)
    counts[0], counts[3], counts[-1] = 2, 1, 4
    found = samples(exposition({family.name: {labels: [*counts, 99.5]}}))
    pairs = (("model", "digits"), ("operation", "classify"), ("version", "1"))
    bucket = {
        le: found[f"{family.name}_bucket", ("le", le), *pairs]
        for le in ("0.0001", "0.0005", "0.001", "30.0", "+Inf")
    }
    assert bucket == {"0.0001": 2, "0.0005": 2, "0.001": 3, "30.0": 3, "+Inf": 7}
    assert found[f"{family.name}_count", *pairs] == 7
    assert found[f"{family.name}_sum", *pairs] == 99.5


def test_label_values_are_escaped() -> None:
    found = samples(exposition({REFUSALS.name: {(AWKWARD, "deadline"): [1.0]}}))
    assert found == {("thalamus_refusals_total", ("model", AWKWARD), ("reason", "deadline")): 1}


def test_workers_are_summed_or_the_largest_is_taken() -> None:
    key = ("digits", "1")
    workers = [
        {(QUEUE_SECONDS.name, *key): [3.0], (REFUSALS.name, "", "deadline"): [1.0]},
        {(QUEUE_SECONDS.name, *key): [2.0], (REFUSALS.name, "", "deadline"): [5.0]},
    ]
    values = join_workers(workers)
    assert values[QUEUE_SECONDS.name] == {key: [3.0]}
    assert values[REFUSALS.name] == {("", "deadline"): [6.0]}


def test_withdrawn_series_are_left_out() -> None:
    key = (QUEUE_SECONDS.name, "digits", "1")
    assert join_workers([{key: [math.nan]}, {key: [2.0]}])[QUEUE_SECONDS.name] == {
        ("digits", "1"): [2.0]
    }
    assert join_workers([{key: [math.nan]}])[QUEUE_SECONDS.name] == {}


def test_durations_have_buckets_from_a_tenth_of_a_millisecond_to_thirty_seconds() -> None:
    timed: list[Family] = [each for each in FAMILIES if "seconds" in each.name and each.buckets]
    assert len(timed) == 2
    for each in timed:
        assert (each.buckets[0], each.buckets[-1]) == (0.0001, 30)
        assert list(each.buckets) == sorted(each.buckets)

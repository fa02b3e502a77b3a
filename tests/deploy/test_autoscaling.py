"""The autoscaler of the chart asks for what the service measures."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from chart import ROOT, of_kind
from test_alerts import SAMPLES, unknown_names

pytestmark = pytest.mark.slow


def test_the_autoscaler_counts_the_pods_alone(renderings: dict[str, str]) -> None:
    for case, kind in (("autoscaling", "HorizontalPodAutoscaler"), ("KEDA", "ScaledObject")):
        deployment = of_kind("Deployment", renderings, case)
        assert "replicas" not in deployment["spec"], "each release would reset them"
        target = of_kind(kind, renderings, case)["spec"]["scaleTargetRef"]
        assert target["name"] == deployment["metadata"]["name"]
    spec = of_kind("HorizontalPodAutoscaler", renderings, "autoscaling a GPU")["spec"]
    assert [metric["type"] for metric in spec["metrics"]] == ["Pods"]


def test_the_autoscalers_metric_is_made_of_metrics_that_exist(renderings: dict[str, str]) -> None:
    adapter = yaml.safe_load((ROOT / "deploy" / "prometheus-adapter.yaml").read_text())
    [rule] = adapter["rules"]["custom"]
    spec = of_kind("HorizontalPodAutoscaler", renderings, "autoscaling")["spec"]
    [metric] = [each["pods"] for each in spec["metrics"] if each["type"] == "Pods"]
    assert metric["metric"]["name"] == rule["name"]["as"]
    assert metric["target"] == {"type": "AverageValue", "averageValue": "100m"}
    assert rule["seriesQuery"].partition("{")[0] in SAMPLES
    asked = rule["metricsQuery"].replace("<<.GroupBy>>", "pod").replace("<<.LabelMatchers>>", "")
    assert unknown_names(asked) == {"pod"}
    [trigger] = [
        each["metadata"]
        for each in of_kind("ScaledObject", renderings, "KEDA")["spec"]["triggers"]
        if each["type"] == "prometheus"
    ]
    assert trigger["threshold"] == "0.25"
    assert unknown_names(trigger["query"]) <= {"pod", "namespace", "default"}
    same = 'namespace="default",pod=~"thalamus-[a-z0-9]+-[a-z0-9]+"'
    own = trigger["query"].replace(same, "").strip().removeprefix("avg(").removesuffix(")")
    assert own.split() == asked.split()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing")
def test_promtool_accepts_the_queries(renderings: dict[str, str], tmp_path: Path) -> None:
    adapter = yaml.safe_load((ROOT / "deploy" / "prometheus-adapter.yaml").read_text())
    [rule] = adapter["rules"]["custom"]
    matchers = 'namespace="default",pod="thalamus-0"'
    asked = rule["metricsQuery"].replace("<<.GroupBy>>", "pod")
    queries = [asked.replace("<<.LabelMatchers>>", matchers)]
    triggers = of_kind("ScaledObject", renderings, "KEDA")["spec"]["triggers"]
    queries += [each["metadata"]["query"] for each in triggers if each["type"] == "prometheus"]
    rules = [{"record": f"wait:{number}", "expr": query} for number, query in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "chart", "rules": rules}]}))
    checked = subprocess.run(["promtool", "check", "rules", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def promql_case(series: dict[str, str], expected: float | None, query: str) -> dict:
    """Return a case of `promtool test rules`: the value of a query after ten minutes."""
    samples = [] if expected is None else [{"labels": '{pod="a"}', "value": expected}]
    return {
        "interval": "15s",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": "10m", "exp_samples": samples}],
    }


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing")
def test_a_refusal_counts_as_a_second(tmp_path: Path) -> None:
    """One case for each: answered only, half refused, idle, and the slower of two models."""
    adapter = yaml.safe_load((ROOT / "deploy" / "prometheus-adapter.yaml").read_text())
    [rule] = adapter["rules"]["custom"]
    query = rule["metricsQuery"].replace("<<.GroupBy>>", "pod")
    query = query.replace("<<.LabelMatchers>>", 'pod="a"')

    def of(model: str, seconds: str, count: str, refused: str) -> dict[str, str]:
        labels = f'pod="a",model="{model}"'
        return {
            f'thalamus_stage_seconds_sum{{{labels},stage="queue"}}': seconds,
            f'thalamus_stage_seconds_count{{{labels},stage="queue"}}': count,
            f'thalamus_refusals_total{{{labels},reason="queue_full"}}': refused,
            f'thalamus_refusals_total{{{labels},reason="deadline"}}': "0+50x60",
        }

    cases = [
        (of("digits", "0+3x60", "0+150x60", "0+0x60"), 0.02),
        (of("digits", "0+3x60", "0+150x60", "0+150x60"), (3 + 150) / 300),
        (of("digits", "0+0x60", "0+0x60", "0+0x60"), 0.0),
        (
            of("digits", "0+3x60", "0+150x60", "0+0x60")
            | of("spam", "0+30x60", "0+150x60", "0+0x60"),
            0.2,
        ),
    ]
    file = tmp_path / "tests.yaml"
    tests = [promql_case(series, value, query) for series, value in cases]
    file.write_text(yaml.safe_dump({"rule_files": [], "tests": tests}))
    result = subprocess.run(["promtool", "test", "rules", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr

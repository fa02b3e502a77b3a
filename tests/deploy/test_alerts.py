"""deploy/alerts.yaml asks for metrics that the service has, and each alert fires when it should."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from app.metrics.families import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
ALERTS = ROOT / "deploy" / "alerts.yaml"
ADAPTER = yaml.safe_load((ROOT / "deploy" / "prometheus-adapter.yaml").read_text())
MADE = {rule["name"]["as"] for rule in ADAPTER["rules"]["custom"]}  # for the autoscaler
RULES = {rule["alert"]: rule for rule in yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
SAMPLES = {
    each.name + suffix: {*each.labels, *({"le"} if suffix == "_bucket" else ())}
    for each in FAMILIES
    for suffix in SUFFIXES[each.kind]
}
NAME = re.compile(r"\b(?:thalamus|process)_\w+")
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is missing")

MOODS = 'model="moods",version="1"'


def requests(status: int) -> str:
    return f'thalamus_requests_total{{{MOODS},operation="classify",status="{status}"}}'


def seconds(bound: str) -> str:
    return f'thalamus_request_seconds_bucket{{{MOODS},operation="classify",le="{bound}"}}'


# Alert → series of one sample a minute (start+step×count, as promtool writes them), the labels with
# which it fires, and its summary.
FIRING = {
    "ThalamusErrors": (
        {requests(200): "0+90x120", requests(500): "0+10x120"},
        {"model": "moods"},
        "10% of the requests to moods fail",
    ),
    "ThalamusSlow": (
        {seconds("1.0"): "0+9x120", seconds("2.5"): "0+10x120", seconds("+Inf"): "0+10x120"},
        {"model": "moods"},
        "One of a hundred answers of moods takes 2.35s",
    ),
    "ThalamusSaturated": (
        {'thalamus_refusals_total{model="moods",reason="queue_full"}': "0+60x120"},
        {"model": "moods", "reason": "queue_full"},
        "Requests to moods are refused: queue_full",
    ),
    "ThalamusQueueLong": (
        {f"thalamus_queue_seconds{{{MOODS}}}": "2+0x120"},
        {"model": "moods"},
        "Items for moods wait 2s",
    ),
    "ThalamusWorkerRestarts": (
        {"thalamus_worker_restarts_total": "0+1x120"},
        {},
        "Workers die again and again; the log says why",
    ),
    "ThalamusLoadFailed": (
        {f"thalamus_load_failures_total{{{MOODS}}}": "0+1x120"},
        {"model": "moods", "version": "1"},
        "What was published as moods/1 cannot be loaded",
    ),
    "ThalamusVersionNotReady": (
        {
            f'thalamus_version_workers{{{MOODS},state="ready"}}': "1+0x120",
            f'thalamus_version_workers{{{MOODS},state="failed"}}': "1+0x120",
        },
        {"model": "moods", "version": "1"},
        "moods/1 is published and does not answer",
    ),
    "ThalamusServingRule": (
        {'thalamus_serving_rule_problems{model="moods"}': "1+0x120"},
        {"model": "moods"},
        "moods: serving.json cannot be followed; the last good rule stays until a restart",
    ),
    "ThalamusKeysFile": (
        {"thalamus_keys_file_error": "1+0x120"},
        {},
        "The file of API keys cannot be used; the last good keys stay until a restart",
    ),
    "ThalamusDrift": (
        {
            f"thalamus_items_total{{{MOODS}}}": "0+10x120",
            f"thalamus_abstained_total{{{MOODS}}}": "0+2x120",
        },
        {"model": "moods", "version": "1"},
        "moods abstains from 20% of its items",
    ),
}
QUIET = {
    requests(200): "0+90x120",
    requests(422): "0+90x120",
    requests(500): "0+0x120",
    'thalamus_requests_total{operation="probe",status="503"}': "0+90x120",
    seconds("1.0"): "0+10x120",
    seconds("+Inf"): "0+10x120",
    'thalamus_refusals_total{model="moods",reason="too_large"}': "0+60x120",
    'thalamus_refusals_total{model="moods",reason="output_invalid"}': "0+60x120",
    f"thalamus_queue_seconds{{{MOODS}}}": "0.1+0x120",
    "thalamus_worker_restarts_total": "1+0x120",
    f'thalamus_version_workers{{{MOODS},state="ready"}}': "2+0x120",
    f'thalamus_version_workers{{{MOODS},state="failed"}}': "0+0x120",
    f'thalamus_version_workers{{{MOODS},state="unloaded"}}': "2+0x120",
    'thalamus_serving_rule_problems{model="moods"}': "0+0x120",
    "thalamus_keys_file_error": "0+0x120",
    f"thalamus_items_total{{{MOODS}}}": "0+100x120",
    f"thalamus_abstained_total{{{MOODS}}}": "0+4x120",
}


def promtool(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)


def unknown_names(expression: str) -> set[str]:
    """Return the metrics and labels of an expression that the service does not have."""
    names = set(NAME.findall(expression))
    allowed = set().union(*(SAMPLES.get(name, set()) for name in names))
    grouped = ",".join(re.findall(r"by \(([^)]*)\)", expression))
    labels = {*re.findall(r"[{,] ?(\w+)(?:=|!=|=~|!~)\"", expression), *re.findall(r"\w+", grouped)}
    return {name for name in names if name not in SAMPLES} | (labels - allowed)


@pytest.mark.parametrize("alert", RULES)
def test_an_alert_uses_metrics_and_labels_that_exist(alert: str) -> None:
    assert NAME.search(RULES[alert]["expr"])
    assert unknown_names(RULES[alert]["expr"]) == set()
    for label in re.findall(r"\$labels\.(\w+)", RULES[alert]["annotations"]["summary"]):
        assert label in RULES[alert]["expr"]


def test_unknown_names_are_found() -> None:
    wrong = 'sum by (modell) (rate(thalamus_request_total{status="5", code!="4"}[5m]))'
    assert unknown_names(wrong) == {"thalamus_request_total", "modell", "status", "code"}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda p: p.stem)
def test_pages_name_metrics_that_exist(page: Path) -> None:
    known = {*SAMPLES, *(each.name for each in FAMILIES), *MADE, "thalamus_client", "thalamus_api"}
    assert set(re.findall(r"\bthalamus_\w+", page.read_text())) <= known


@pytest.mark.slow
@needs_promtool
def test_promtool_accepts_the_rules() -> None:
    result = promtool("check", "rules", ALERTS)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(RULES)} rules found" in result.stdout


@pytest.mark.slow
@needs_promtool
def test_promtool_accepts_the_queries_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    lines = "".join(re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)).splitlines()
    queries: list[str] = []
    for line in lines:
        if line.startswith(" "):
            queries[-1] += line
        elif line and not line.startswith("#"):
            queries.append(line)
    assert len(queries) >= 9
    assert [query for query in queries if unknown_names(query) - {"job", "instance"}] == []
    rules = [{"record": f"query:{number}", "expr": expr} for number, expr in enumerate(queries)]
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "page", "rules": rules}]}))
    result = promtool("check", "rules", file)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.slow
@needs_promtool
def test_promtool_accepts_the_scrape_configuration_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    file = tmp_path / "prometheus.yaml"
    file.write_text(block)
    result = promtool("check", "config", "--syntax-only", file)
    assert result.returncode == 0, result.stdout + result.stderr


def case(series: dict[str, str], alerts: list[dict]) -> dict:
    """Return a case of `promtool test rules`, two hours after its series have started."""
    written = [{"series": name, "values": values} for name, values in series.items()]
    alerts = [{"eval_time": "2h", **alert} for alert in alerts]
    return {"interval": "1m", "input_series": written, "alert_rule_test": alerts}


def expected(alert: str, labels: dict[str, str], summary: str) -> dict:
    fired = {
        "exp_labels": labels | RULES[alert]["labels"],
        "exp_annotations": {"summary": summary},
    }
    return {"alertname": alert, "exp_alerts": [fired]}


@pytest.mark.slow
@needs_promtool
def test_each_alert_fires_when_it_should_and_not_otherwise(tmp_path: Path) -> None:
    assert FIRING.keys() == RULES.keys()
    cases = [case(series, [expected(alert, *fired)]) for alert, (series, *fired) in FIRING.items()]
    cases.append(case(QUIET, [{"alertname": alert, "exp_alerts": []} for alert in RULES]))
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": cases}))
    result = promtool("test", "rules", file)
    assert result.returncode == 0, result.stdout + result.stderr

"""Writes docs/scale.md: what one node does, what limits many, and what a million costs.

Measured figures are in benchmarks/scale.json, which `python -m benchmarks scale --measure` writes,
and those of a GPU in docs/gpu.md; assumptions are in `benchmarks.prices`. The text around is a
person's.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import prices
from benchmarks.prices import CPU_2, CPU_16, GPU_LARGE, GPU_SMALL, UTILIZATION

ROOT = Path(__file__).parent.parent
DOCUMENT = ROOT / "docs/scale.md"
READING = Path(__file__).with_name("scale.md")
MEASURED = Path(__file__).with_name("scale.json")
NODES = (1, 10, 100, 1_000)
MEGABYTE = 1e6
# docs/gpu.md, the service on the H100's machine with its 16 cores: requests a second.
H100 = {
    "large": ("four workers, 32 clients", 1_268),
    "small": ("four workers, 256 clients", 13_836),
}
H100_CPU = {"large": ("16 workers, 32 clients", 921), "small": ("16 workers, 256 clients", 53_335)}
IMAGE = {"cpu": 253e6 + 130e6, "gpu": 2.7e9 + 130e6}  # bytes: docs/how-to/deploy.md, and the base
Figures = Mapping[str, Any]
Row = Callable[[int], str]  # of a number of nodes


def write() -> None:
    """Write the document."""
    DOCUMENT.write_text(document(json.loads(MEASURED.read_text())))


def document(measured: Figures) -> str:
    """Return the page for some measured figures."""
    text = READING.read_text()
    for name, table in TABLES.items():
        text = text.replace(f"<!-- {name} -->", table(measured))
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _number(value: float) -> str:
    """Three digits that matter, with commas."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{_number(seconds)} s"
    return f"{_number(seconds / 60)} min" if seconds < 7_200 else f"{_number(seconds / 3600)} h"


def _money(dollars: float) -> str:
    return f"{dollars:,.2f}" if dollars >= 0.1 else f"{dollars:.3g}"


def _circumstances(measured: Figures) -> str:
    others = f"others had {measured['foreign']:.0%} of the processors meanwhile"
    rounds = f"medians of {measured['rounds']} rounds" if measured["rounds"] > 1 else "one round"
    return f"{measured['machine']}, {measured['date']}, {rounds}; {others}"


def _answers(measured: Figures) -> str:
    rows = [
        [f"`{name}`", *(_number(found[each]) for each in ("rate", "p50", "p99"))]
        for name, found in measured["answered"].items()
    ]
    return _table(["32 clients", "requests/s", "p50, ms", "p99, ms"], rows)


def _offline(measured: Figures) -> str:
    scored = [
        [f"`thalamus predict {name}`", f"{_number(rate)} files/s"]
        for name, rate in measured["scored"].items()
    ]
    trained = [
        [f"training on {name}", f"{_number(rate)} samples/s"]
        for name, rate in measured["trained"].items()
    ]
    return _table(["command", "one node"], [*scored, *trained])


def _weights(measured: Figures) -> str:
    found = measured["node"]
    rows = [
        ["memory of all processes, two workers, all shipped models, at rest", "memory", "MB"],
        ["of one worker", "worker", "MB"],
        ["start to ready", "start", "s"],
        ["connections that it accepts, answers and closes", "connections", "/s"],
        ["lines of `/metrics`", "series", ""],
        ["bytes of `/metrics`", "scrape", "KB"],
        ["processor time of one scrape", "scrape_cpu", "ms"],
        ["bundles, all eight", "bundles", "MB"],
        ["the largest, `sentiment`", "largest", "MB"],
    ]
    values = [[text, f"{_number(found[key])} {unit}".strip()] for text, key, unit in rows]
    return _table(["one node", ""], values)


def _many(measured: Figures) -> str:
    rows = {**_traffic(measured), **_scraped(measured["node"]), **_moved(measured["node"])}
    rows["failures a day"] = lambda n: _number(prices.failures_a_day(n))
    rows["of a million requests, lost"] = lambda n: _number(prices.lost_per_million())
    head = ["", *(f"{n:,} node" + "s" * (n > 1) for n in NODES)]
    return _table(head, [[name, *(value(n) for n in NODES)] for name, value in rows.items()])


def _traffic(measured: Figures) -> dict[str, Row]:
    rate = measured["answered"]["digits"]["rate"] * UTILIZATION
    return {
        "requests/s of `digits` at half load": lambda n: _number(n * rate),
        "cores of proxies for them": lambda n: _number(n * rate / prices.FRONT),
        "probes/s": lambda n: _number(n * prices.PROBES),
    }


def _scraped(node: Figures) -> dict[str, Row]:
    series = node["series"]
    return {
        "series in Prometheus": lambda n: f"{n * series:,.0f}",
        "of what one holds": lambda n: f"{n * series / prices.PROMETHEUS_SERIES:.1%}",
        "samples/s into it": lambda n: _number(n * series / prices.SCRAPE),
    }


def _moved(node: Figures) -> dict[str, Row]:
    bundles, each = node["bundles"] * MEGABYTE, _replaced(node)
    return {
        "bundles, from one store": lambda n: _time(prices.pulled(bundles, n)),
        "CPU image, from one registry": lambda n: _time(prices.pulled(IMAGE["cpu"], n)),
        "GPU image, from one registry": lambda n: _time(prices.pulled(IMAGE["gpu"], n)),
        "rolling update, one at a time": lambda n: _time(prices.rollout(n, 1, each)),
        "rolling update, 25 % at a time": lambda n: _time(prices.rollout(n, -(-n // 4), each)),
    }


def _replaced(node: Figures) -> float:
    """Return the seconds that a rolling update takes for a pod: start, a probe, and the stop."""
    return float(node["start"]) + 5 + 5 + 2


def _checkpoints(measured: Figures) -> str:
    written = {"50 MB": 50e6, "5 GB": 5e9}
    rows = []
    for name, size in written.items():
        write_seconds = size / prices.NODE_NETWORK
        for nodes in NODES:
            every = prices.interval(nodes, write_seconds)
            hourly = prices.wasted(nodes, write_seconds, 3600.0)
            best = prices.wasted(nodes, write_seconds, every)
            rows.append(
                [
                    name,
                    f"{nodes:,}",
                    _time(write_seconds),
                    _time(every),
                    f"{best:.2%}",
                    f"{hourly:.2%}",
                ]
            )
    head = ["checkpoint", "nodes", "written in", "best every", "time lost", "lost at one an hour"]
    return _table(head, rows)


def _requests(measured: Figures) -> str:
    answered = {name: found["rate"] for name, found in measured["answered"].items()}
    rows = [
        _cost(CPU_2, f"`{name}`, as above", rate, UTILIZATION) for name, rate in answered.items()
    ]
    for machine, figures in ((CPU_16, H100_CPU), (GPU_LARGE, H100)):
        rows += [
            _cost(machine, f"{m}, {how}", rate, UTILIZATION) for m, (how, rate) in figures.items()
        ]
    return _table(["machine", "$ an hour", "requests", "busy, a second", "$ a million"], rows)


def _cost(machine: prices.Machine, what: str, rate: float, utilization: float) -> list[str]:
    cost = _money(prices.per_million(machine, rate, utilization))
    return [machine.name, _money(machine.dollars), what, _number(rate), cost]


def _samples(measured: Figures) -> str:
    rows = []
    for name, rate in measured["trained"].items():
        hours = prices.MILLION / rate / 3600
        cost = prices.per_million(CPU_2, rate, 1.0)
        even = (_number(prices.break_even(CPU_2, each, rate)) for each in (GPU_SMALL, GPU_LARGE))
        rows.append([name, _number(rate), f"{hours:.2f}", _money(cost), *even])
    head = [
        "a million samples",
        "samples/s",
        "hours",
        "$",
        "T4 class pays from",
        "H100 class pays from",
    ]
    return _table(head, rows)


def _assumptions(measured: Figures) -> str:
    machines = [
        [f"{each.name}, an hour", f"{each.dollars:.2f} $"]
        for each in (CPU_2, CPU_16, GPU_SMALL, GPU_LARGE)
    ]
    rows = [
        *machines,
        ["`UTILIZATION`, of what a node can do", f"{UTILIZATION:.0%}"],
        [
            "`REGISTRY`, what a registry or a store gives in all",
            f"{prices.REGISTRY / 1e9:.3g} GB/s",
        ],
        ["`NODE_NETWORK`, what a node takes", f"{prices.NODE_NETWORK / 1e9:.3g} GB/s"],
        ["`SCRAPE`", _time(prices.SCRAPE)],
        ["`PROMETHEUS_SERIES`, of one Prometheus", f"{prices.PROMETHEUS_SERIES:,}"],
        ["`NODE_LIFE`, between two failures of a node", f"{prices.NODE_LIFE / 86400:.0f} days"],
        ["`NOTICE`, of a failure", _time(prices.NOTICE)],
        ["`RESUME`, from a checkpoint", _time(prices.RESUME)],
        ["`FRONT`, requests/s of a core of a proxy", f"{prices.FRONT:,}"],
    ]
    return _table(["assumed, in `benchmarks/prices.py`", ""], rows)


TABLES: Mapping[str, Callable[[Figures], str]] = {
    "circumstances": _circumstances,
    "answers": _answers,
    "offline": _offline,
    "weights": _weights,
    "many": _many,
    "checkpoints": _checkpoints,
    "requests": _requests,
    "samples": _samples,
    "assumptions": _assumptions,
}

"""`make bench`: the peers, the goals, and the document about both."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from benchmarks import goals, layers, report
from benchmarks.comparison import compare
from benchmarks.goals import OWN, Bench, Goal
from benchmarks.limit import Limit
from benchmarks.models import workload
from benchmarks.peers import LEFT_OUT, PEERS, Peer
from benchmarks.servers import Kind, Thalamus, start


def run(names: Sequence[str], rounds: int, seconds: float) -> None:
    """Measure everything; `names` are peers or their files; none: all of them."""
    chosen = [p for p in PEERS if not names or {p.name, p.file} & set(names)]
    peers, skipped = _installed(chosen)
    with closing(Limit()) as limit:
        kinds: list[Kind] = [Thalamus(), *peers]
        large, small = (compare(m, kinds, limit, rounds, seconds) for m in ("large", "small"))
        for comparison in (large, small):
            if OWN not in comparison.turns:
                raise SystemExit(f"{comparison.model}: {comparison.skipped[OWN]}")
        found = list(goals.against_peers(large, small))
        findings = report.Findings((large, small), found, skipped, rounds, seconds)
        report.write(findings)  # even if the rest fails
        _measure_the_rest(limit, found, rounds, seconds)
    print("layers", flush=True)
    findings = replace(findings, layers=layers.measure(rounds, seconds))
    print(*found, sep="\n")
    report.write(findings)
    print(f"written: {report.DOCUMENT}, {report.PLOT}")


def _measure_the_rest(limit: Limit, found: list[Goal], rounds: int, seconds: float) -> None:
    server = start(Thalamus(), workload("small"))
    try:
        bench = Bench(server, limit, rounds, seconds)
        for scenario in goals.SCENARIOS:
            print(scenario.__name__, flush=True)
            found += scenario(bench)
    finally:
        server.stop()


def _installed(peers: Sequence[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """Build the environments; return the peers that have one, and why the others have none."""
    skipped = dict(LEFT_OUT)
    for peer in peers:
        print(f"{peer.name}: {peer.version}", flush=True)
        if (problem := peer.install()) is not None:
            skipped[peer.name] = problem
            print(f"{peer.name} is skipped: {problem}", flush=True)
    return [peer for peer in peers if peer.name not in skipped], skipped

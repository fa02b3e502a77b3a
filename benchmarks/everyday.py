"""`make bench-self`: Thalamus against the in-process limit, and against one of its commits.

Takes at most three minutes. The other commit is served from a working tree of its own, with
this environment's libraries, in the same rounds.
"""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.forms import Form, multipart, raw
from benchmarks.limit import Limit
from benchmarks.load import drive
from benchmarks.models import workload
from benchmarks.rounds import interleave, ratio, typical
from benchmarks.servers import ROOT, Server, Thalamus, start

CLIENTS = 32
SCENARIOS: tuple[tuple[str, Form], ...] = (
    ("large", raw),
    ("small", raw),
    ("large", multipart),
    ("small", multipart),
    ("text", raw),
    ("audio", raw),
)


def run(reference: str | None, only: list[str], rounds: int, seconds: float) -> None:
    """Print a line a scenario; `only` names models, none meaning all."""
    with trees(reference) as kinds:
        limit, servers = Limit(), [start(kind, workload("small")) for kind in kinds]
        try:
            print(f"{'req/s':17}{'limit':>8}", *(f"{k.name:>24}" for k in kinds), "  foreign CPU")
            for model, form in SCENARIOS:
                if not only or model in only:
                    print(_scenario(limit, servers, (model, form), rounds, seconds), flush=True)
        finally:
            for server in servers:
                server.stop()
            limit.close()


def _scenario(
    limit: Limit, servers: list[Server], what: tuple[str, Form], rounds: int, seconds: float
) -> str:
    model, form = what
    contestants: dict[str, Callable[[], float]] = {"limit": partial(limit.rate, model, seconds / 3)}
    limit.best(model)
    for server in servers:
        contestants[server.kind.name] = partial(rate, server, model, form, seconds)
    found = interleave(contestants, rounds)
    row = f"{model + ' ' + form.__name__:17}{typical(found, 'limit'):8.0f}"
    for server in servers:
        name = server.kind.name
        row += f" {typical(found, name):8.0f} = {ratio(found, name, 'limit'):.3f} limit"
    if len(servers) > 1:
        row += f" {ratio(found, servers[0].kind.name, servers[1].kind.name):.3f} HEAD/REF"
    noisy = sum(r.noisy for r in found)
    return row + f"  {max(r.foreign for r in found):6.1%}" + f" ({noisy} noisy)" * bool(noisy)


def rate(server: Server, model: str, form: Form, seconds: float) -> float:
    """Return requests a second; errors end the benchmark."""
    work = workload(model)
    load = drive(server.kind.requests(server.port, work, form), CLIENTS, work.lasting(seconds))
    if load.errors:
        raise SystemExit(f"{server.kind.name}: {load.errors} errors on {model}")
    return load.rate


@contextmanager
def trees(reference: str | None) -> Iterator[list[Thalamus]]:
    """Yield this working tree's service, and a commit's from a temporary folder."""
    if reference is None:
        yield [Thalamus("HEAD")]
        return
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "reference"
        git = partial(subprocess.run, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        git(["git", "worktree", "add", "--quiet", "--detach", str(tree), reference])
        try:
            yield [Thalamus("HEAD"), Thalamus("REF", tree)]
        finally:
            git(["git", "worktree", "remove", "--force", str(tree)])

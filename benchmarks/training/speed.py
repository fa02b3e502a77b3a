"""`make bench-training`: the speed of trainings as ratios, against what the same machine can do.

The figures of a round are measured one after another, and only their ratio counts; see
`benchmarks.rounds`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch

from benchmarks import machine
from benchmarks.rounds import interleave, ratio, typical
from benchmarks.training import beside, loops
from benchmarks.training.extraction import Extraction
from training.progress import shown

FIT_GOAL, EXTRACTION_GOAL, BESIDE_GOAL = 0.95, 0.90, 0.15
KINDS = ("pictures", "texts", "features", "beside")
_SAMPLES = {"pictures": 1_200, "texts": 4_000}  # of the runs whose shares are measured


def run(only: Sequence[str], rounds: int, threads: int, scale: float = 1) -> None:
    """Print the table; only: some of `KINDS`, none: all. scale: of the number of samples."""
    torch.set_num_threads(threads)
    print(f"{machine.describe()}, torch {torch.__version__}, {threads} threads", flush=True)
    chosen = [kind for kind in KINDS if not only or kind in only]
    for name, task in loops.tasks(scale).items():
        if name in chosen:
            plain = loops.Plain(task)
            plain()  # the first steps import and allocate
            loops.ours(task)
            _compare(name, task.unit, {"ours": partial(loops.ours, task), "other": plain}, rounds)
    if "features" in chosen:
        found = Extraction(int(384 * scale))
        found.check()
        both = {"ours": found.ours, "other": found.runtime}
        _compare("features", "texts/s", both, rounds, EXTRACTION_GOAL)
    if "beside" in chosen:
        _print_beside()


def _compare(
    name: str,
    unit: str,
    both: Mapping[str, Callable[[], float]],
    rounds: int,
    goal: float = FIT_GOAL,
) -> None:
    found = interleave(both, rounds)
    share = ratio(found, "ours", "other")
    noisy = sum(each.noisy for each in found)
    print(
        f"{name:9} {typical(found, 'ours').median:8.1f} {unit:8} of "
        f"{typical(found, 'other').median:8.1f}: {share:.3f} (goal {goal:.2f}, "
        f"{_verdict(share.median >= goal)}); {noisy} of {rounds} rounds noisy",
        flush=True,
    )


def _print_beside() -> None:
    with shown():
        shares = {kind: beside.measure(kind, count) for kind, count in _SAMPLES.items()}
    for kind, found in shares.items():
        print(
            f"beside the fit, {found.samples} {kind}: {100 * found.beside:.1f} % of a run "
            f"(goal {100 * BESIDE_GOAL:.0f} %, {_verdict(found.beside <= BESIDE_GOAL)}); "
            f"reading {found.before:.1f} s, fit {found.fit:.1f} s, export {found.export:.1f} s, "
            f"figures and publication {found.after:.1f} s"
        )


def _verdict(met: bool) -> str:
    return "met" if met else "not met"

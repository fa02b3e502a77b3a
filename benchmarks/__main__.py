"""`python -m benchmarks COMMAND`, for example `self`, `peers`, `quality` or `training`."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import (
    bulk,
    elasticity,
    everyday,
    fleet_report,
    full,
    layers,
    machine,
    models,
    simulate,
    simulation_report,
)
from benchmarks.gpu import document
from benchmarks.quality import command as quality
from benchmarks.reliability import chaos, fuzz


def main() -> None:
    """Parse the arguments and run one benchmark."""
    parser = argparse.ArgumentParser("benchmarks")
    commands = parser.add_subparsers(required=True)
    own = commands.add_parser("self", help="only Thalamus, in at most three minutes")
    own.add_argument("--ref", help="a commit to compare with")
    own.add_argument("--only", nargs="*", default=[], help="models: large small text audio")
    own.add_argument("--rounds", type=int, default=5)
    own.add_argument("--seconds", type=float, default=2, help="of load, each time")
    own.set_defaults(run=lambda o: everyday.run(o.ref, o.only, o.rounds, o.seconds))
    all_ = commands.add_parser("peers", help="everything; writes docs/benchmarks.md")
    all_.add_argument("--only", nargs="*", default=[], metavar="PEER")
    all_.add_argument("--rounds", type=int, default=5)
    all_.add_argument("--seconds", type=float, default=3, help="of load, each time")
    all_.set_defaults(run=lambda o: full.run(o.only, o.rounds, o.seconds))
    _more(commands)
    paper = commands.add_parser("simulate", help="policies on paper; writes docs/simulation.md")
    paper.add_argument("--measure", action="store_true", help="measure the CPU's curve here")
    paper.set_defaults(run=lambda o: _simulate(o.measure), serves=False)
    size = commands.add_parser("scale", help="what one node does and many cost; docs/scale.md")
    size.add_argument("--measure", action="store_true", help="measure the node here, five minutes")
    size.set_defaults(run=_run_scale, serves=False)
    gpu = commands.add_parser("gpu", help="bundles and service on a GPU; writes docs/gpu.md")
    gpu.add_argument("--device", choices=("cpu", "cuda"), default="cuda", help="cpu: a rehearsal")
    gpu.add_argument("--more", type=Path, help="a folder of bundles to time too, in fp16 say")
    gpu.add_argument("--seconds", type=float, default=2, help="of load, each time")
    gpu.add_argument("--only", nargs="*", default=[], help="answers batches options service")
    gpu.set_defaults(run=lambda o: document.run(o.device, o.more, o.seconds, o.only))
    data = commands.add_parser("quality", help="the default training on public data, and peers")
    quality.add_arguments(data)
    data.set_defaults(run=quality.run, serves=False)
    _reliability(commands)
    _training(commands)
    options = parser.parse_args()
    if getattr(options, "serves", True):
        _served(lambda: options.run(options))
    else:
        options.run(options)


def _simulate(remeasure: bool) -> None:
    found = simulate.run(remeasure)
    simulation_report.write(*found, fleet_report.sections(*elasticity.run()))


def _run_scale(options: argparse.Namespace) -> None:
    from benchmarks import scale

    if options.measure:
        _alone(lambda: scale.run(True))
    else:
        scale.run(False)


def _more(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    where = commands.add_parser("layers", help="where the processors' time for a request goes")
    where.add_argument("--rounds", type=int, default=3)
    where.add_argument("--seconds", type=float, default=2, help="of load, each time")
    where.set_defaults(run=lambda o: layers.run(o.rounds, o.seconds))
    files = commands.add_parser("predict", help="`thalamus predict` against the in-process limit")
    files.add_argument("--only", nargs="*", default=[], help="models: large small text audio")
    files.add_argument("--rounds", type=int, default=5)
    files.add_argument("--seconds", type=float, default=4, help="of a long run")
    files.set_defaults(run=lambda o: bulk.run(o.only, o.rounds, o.seconds))


def _reliability(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    planted = commands.add_parser("chaos", help="what holds when things go wrong, eight minutes")
    planted.add_argument("--only", nargs="*", default=[], help="experiments, or their topics")
    planted.add_argument("--quick", action="store_true", help="fewer repetitions, for CI")
    planted.set_defaults(
        run=lambda o: _alone(lambda: chaos.run(o.only, o.quick, o.write)), serves=False
    )
    long = commands.add_parser("soak", help="a mixture of requests for minutes: does it leak?")
    long.add_argument("--minutes", type=float, default=10)
    long.add_argument("--leak", action="store_true", help="plant a leak, which must be found")
    long.set_defaults(
        run=lambda o: _alone(lambda: chaos.run_soak(o.minutes, o.leak, o.write)), serves=False
    )
    odd = commands.add_parser("fuzz", help="mutated files of every kind, given to the encoders")
    odd.add_argument("--minutes", type=float, default=10)
    odd.add_argument("--only", nargs="*", default=[], help="image audio text tree words")
    odd.add_argument("--seed", type=int, default=0, help="another one gives other files")
    odd.set_defaults(
        run=lambda o: sys.exit(min(1, fuzz.run(o.minutes, o.only, o.seed))), serves=False
    )
    nodes = commands.add_parser("fleet", help="what holds on a Ray cluster of two nodes")
    nodes.add_argument("--only", nargs="*", default=[], help="experiments, or their topics")
    nodes.add_argument("--quick", action="store_true", help="fewer rows and requests, for CI")
    nodes.set_defaults(run=_run_fleet, serves=False)
    for command in (planted, long):
        command.add_argument("--write", action="store_true", help="write docs/reliability.md")


def _training(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    fast = commands.add_parser("training", help="the speed of trainings against plain loops")
    fast.add_argument("--only", nargs="*", default=[], help="pictures texts features beside")
    fast.add_argument("--rounds", type=int, default=5)
    fast.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    fast.add_argument("--scale", type=float, default=1, help="of the number of samples")
    fast.set_defaults(run=_run_training, serves=False)
    large = commands.add_parser("memory", help="peak memory of inspect and train, by the samples")
    large.add_argument("--only", nargs="*", default=[], help="texts pictures")
    large.add_argument("--counts", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    large.add_argument("--commands", nargs="*", default=[], help="inspect train")
    large.set_defaults(run=_run_memory, serves=False)


def _run_training(options: argparse.Namespace) -> None:
    from benchmarks.training import speed

    speed.run(options.only, options.rounds, options.threads, options.scale)


def _run_fleet(options: argparse.Namespace) -> None:
    from benchmarks.fleet import command

    _alone(lambda: command.run(options.only, options.quick))


def _run_memory(options: argparse.Namespace) -> None:
    from benchmarks.training import memory

    _alone(lambda: memory.run(options.only, options.counts, options.commands))


def _served(run: Callable[[], None]) -> None:
    """Run a benchmark with its bundles at high priority."""

    def prepared() -> None:
        models.prepare()
        with machine.priority():
            run()

    _alone(prepared)


def _alone(run: Callable[[], None]) -> None:
    """Run a benchmark, and end all its processes afterwards, however it ends."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("stopped"))  # and servers with it
    machine.adopt_orphans()
    try:
        run()
    finally:
        machine.end_descendants()  # those of a server that crashed


if __name__ == "__main__":
    main()

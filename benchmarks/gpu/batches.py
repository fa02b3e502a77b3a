"""The duration of a batch, by its size and by the way its arrays reach the GPU."""

from collections.abc import Callable, Iterator, Mapping
from itertools import cycle

import onnxruntime

from app.bundle.tensors import allocate
from app.pipeline import Pipeline
from app.runtime.providers import Device, providers_for
from app.runtime.session import Session
from benchmarks.gpu.subject import Subject, log_events, quiet, seconds

SIZES = (1, 2, 4, 8, 16, 32, 64)
Way = Callable[[int], Callable[[], object]]  # of a size: a run of it


def ways(subject: Subject, device: Device) -> Mapping[str, Way]:
    """Return the ways, in the order of the table."""
    model = subject.bundle.model
    plain = onnxruntime.InferenceSession(model, quiet(), providers=providers_for(device))
    pipeline, session = Pipeline(subject.bundle, device), Session(model, device)

    def unbound(size: int) -> Callable[[], object]:
        feeds = dict(subject.feeds(size))
        return lambda: plain.run(subject.outputs, feeds)

    def whole(size: int) -> Callable[[], object]:
        items = [subject.items[place % len(subject.items)] for place in range(size)]
        return lambda: pipeline.run(items)

    found: dict[str, Way] = {
        "CPU, one thread": _of(subject, Session(model), False),
        "`session.run`": unbound,
        "`session.run`, another size each time": _in_turn(unbound),
        "ours, ordinary memory": _of(subject, session, False),
        "ours, page-locked": _of(subject, session, True),
        "ours, stacked and split": whole,
        "ours, stacked and split, another size each time": _in_turn(whole),
    }
    with log_events() as said:
        graphs = Session(model, device, cuda_graphs=True)
    return found if said else found | {"ours, CUDA graphs": _of(subject, graphs, True)}


def _of(subject: Subject, session: Session, locked: bool) -> Way:
    def way(size: int) -> Callable[[], object]:
        feeds = subject.feeds(size, session.allocate if locked else allocate)
        return lambda: session.run(feeds)

    return way


def _in_turn(way: Way) -> Way:
    """Return runs of the size and of one less (of one: of two) in turn."""

    def alternating(size: int) -> Callable[[], object]:
        turns = cycle([way(size), way(size - 1 if size > 1 else 2)])
        return lambda: next(turns)()

    return alternating


def table(subject: Subject, device: Device) -> Iterator[str]:
    """Yield a row a way, medians in milliseconds by size."""
    yield f"\n| {subject.name}, ms | {' | '.join(map(str, SIZES))} |"
    yield "|---" * (1 + len(SIZES)) + "|"
    for name, way in ways(subject, device).items():
        cells = (f"{1000 * seconds(way(size))[1]:.2f}" for size in SIZES)
        yield f"| {name} | {' | '.join(cells)} |"

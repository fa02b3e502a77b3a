"""What is measured on a GPU, rehearsed on the CPU."""

from pathlib import Path

from app.runtime.providers import CPU
from app.telemetry import event
from benchmarks.gpu.agreement import agreement, kernels
from benchmarks.gpu.subject import Subject, told

DIGITS = Subject(Path(__file__).parents[2] / "models/digits/1")


def test_the_cpu_agrees_with_itself() -> None:
    found = agreement(DIGITS, "cpu", cuda_graphs=False)
    assert (found.provider, found.differs, found.largest, found.said) == (CPU, [], 0.0, [])
    assert kernels(DIGITS, "cpu")[0] == 0


def test_a_batch_is_the_golden_cases_in_turn() -> None:
    count = len(DIGITS.items)
    (images,) = DIGITS.feeds(count + 1).values()
    assert len(images) == count + 1
    assert (images[0] == images[count]).all()


def test_log_of_the_service_is_reported() -> None:
    with told() as lines:
        event("no CUDA graphs", reason="none is wanted")
    event("afterwards")
    assert lines == ["no CUDA graphs: none is wanted"]

import numpy as np
import pytest

from app.runtime.per_size import SIZES, Run, Sized, filled_up


class Doubling:
    """Doubles rows; notes which size was asked for how many rows."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []

    def make(self, size: int) -> Run:
        def run(arrays):
            self.runs.append((size, len(arrays["x"])))
            return [2 * arrays["x"] + arrays.get("more", 0)]

        return run


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(1, [1]), (2, [2]), (3, [4]), (9, [16]), (32, [32]), (33, [32, 1]), (70, [32, 32, 8])],
)
def test_a_batch_is_run_in_sessions_of_the_next_larger_sizes(count: int, sizes: list[int]) -> None:
    doubling = Doubling()
    rows = np.arange(count * 2).reshape(count, 2)
    (answers,) = Sized(doubling.make).run({"x": rows, "more": np.array(1)})
    assert np.array_equal(answers, 2 * rows + 1)
    assert doubling.runs == [(size, size) for size in sizes]


def test_each_size_is_made_at_once() -> None:
    made: list[int] = []
    Sized(lambda size: made.append(size) or (lambda _: []))
    assert made == list(SIZES)


def test_a_batch_is_filled_up_with_its_last_item() -> None:
    batch = np.arange(6).reshape(3, 2)
    assert filled_up(batch, 3) is batch
    assert filled_up(batch, 5).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5], [4, 5]]

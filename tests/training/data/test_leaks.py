"""Held-out samples that equal others after encoding."""

import numpy as np

from tests.training.samples import SQUARE, sample, squares
from training.data.encode import Examples
from training.data.leaks import without_leaks


def names(part: Examples) -> list[str]:
    return [s.name for s in part.samples]


def copied(part: Examples, source: Examples, places: dict[int, int]) -> Examples:
    """The examples with the arrays of others in some places."""
    items = list(part.items)
    for place, of in places.items():
        items[place] = {name: array.copy() for name, array in source.items[of].items()}
    return Examples(items, part.targets, part.samples, part.inputs)


def test_nothing_changes_without_copies():
    parts = [squares(20, seed) for seed in range(3)]
    found, remarks = without_leaks(*parts)
    assert [names(part) for part in found] == [names(part) for part in parts]
    assert remarks == []


def test_copies_leave_the_later_part_whatever_their_label():
    train, validation, test = (squares(20, seed) for seed in range(3))
    validation = copied(validation, train, {3: 4})
    test = copied(copied(test, train, {0: 7, 9: 1}), validation, {5: 8})
    found, remarks = without_leaks(train, validation, test)
    assert names(found[0]) == names(train)
    assert names(found[1]) == [n for i, n in enumerate(names(validation)) if i != 3]
    assert names(found[2]) == [n for i, n in enumerate(names(test)) if i not in (0, 9, 5)]
    assert found[2].targets.tolist() == np.delete(test.targets, [0, 9, 5]).tolist()
    assert remarks[0].startswith("1 validation sample(s) dropped") and "square-1-3" in remarks[0]
    assert remarks[1].startswith("3 test sample(s) dropped")


def test_shape_and_type_count():
    zeros = np.zeros((4, 4, 1), np.uint8)
    parts = [
        Examples([{"image": array}], np.zeros(1, np.int64), [sample(name, "a")], SQUARE)
        for name, array in (
            ("one", zeros),
            ("two", zeros.reshape(2, 8, 1)),
            ("three", zeros.view(np.int8)),
        )
    ]
    assert without_leaks(*parts)[1] == []

"""Labels that a person reads as one, and what is no label."""

import pytest

from training.data.reading.labels import NoLabel, check_no_quantity, label_from, merged
from training.errors import BadData


@pytest.mark.parametrize(
    ("value", "label"), [(" a ", "a"), (1, "1"), (1.0, "1.0"), (True, "True"), ("e\u0301", "é")]
)
def test_a_label_is_a_stripped_text_in_one_form(value: object, label: str):
    assert label_from(value) == label


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), "NaN", "null", ["a"], b"a"])
def test_what_is_no_label_has_a_reason(value: object):
    with pytest.raises(NoLabel, match="the label is"):
        label_from(value)


def test_one_number_is_one_label_and_that_is_said():
    becomes, warnings = merged("t", {"1": 5, "1.0": 2, "0": 3, "-1": 2})
    assert becomes == {"1": "1", "1.0": "1", "0": "0", "-1": "-1"}
    assert warnings == ["t: labels that are one number are one label: 1 = 1.0"]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("Pos", "pos", "neg"), "'Pos' / 'pos'"),
        (("card_arrival", "card arrival"), "'card arrival' / 'card_arrival'"),
        (
            ("a|b", "a", "b"),
            "look like several in one, and each is learnt as one of its own: 'a|b'",
        ),
    ],
)
def test_labels_that_look_alike_are_named(labels: tuple[str, ...], said: str):
    becomes, (warning,) = merged("t", dict.fromkeys(labels, 3))
    assert becomes == {label: label for label in labels}
    assert said in warning


@pytest.mark.parametrize("labels", [("A", "A-", "B"), ("1", "-1", "0"), ("c", "c++", "c#")])
def test_different_labels_are_left_alone(labels: tuple[str, ...]):
    assert merged("t", dict.fromkeys(labels, 3))[1] == []


def test_ratings_are_labels_and_quantities_are_not():
    check_no_quantity("t", {str(i / 2): 50 for i in range(2, 11)})
    check_no_quantity("t", {str(year): 100 for year in range(1980, 2020)})
    check_no_quantity("t", {str(i): 1 for i in range(20)} | {"other": 1})
    for numbers in (range(100), [i / 7 for i in range(15)]):
        with pytest.raises(BadData, match="no regression"):
            check_no_quantity("t", {str(number): 3 for number in numbers})

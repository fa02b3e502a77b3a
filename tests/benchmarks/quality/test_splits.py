"""Everybody has the same split, and no content is on both sides of it."""

from collections import Counter
from dataclasses import replace

from benchmarks.quality.splits import Item, cut, divide, part_of, text_key
from tests.benchmarks.quality.made import texts


def test_a_split_does_not_depend_on_the_order_of_the_samples() -> None:
    items = texts()
    one, other = divide(items), divide(list(reversed(items)))
    assert one == other
    assert one.digest == other.digest


def test_a_sample_keeps_its_part_when_the_data_grow() -> None:
    few, many = divide(texts(100)), divide(texts(200))
    assert set(few.test) == {item for item in many.test if item in set(few.test + few.train)}


def test_one_sample_in_five_tests_and_none_is_on_both_sides() -> None:
    split = divide(texts(1000))
    assert not {item.key for item in split.train} & {item.key for item in split.test}
    assert len(split.train) + len(split.test) == 1000
    assert 150 < len(split.test) < 250


def test_texts_that_differ_in_white_space_are_one_sample() -> None:
    assert text_key("a  b\n") == text_key("a b") != text_key("A b")
    first = texts(1)[0]
    spaced = replace(first, content=first.content.replace(b" ", b"  "))
    split = divide([first, spaced])
    assert [*split.train, *split.test] == [replace(first, part=part_of(first.key))]
    assert split.left_out == {"copies": 1}


def test_a_content_with_two_labels_is_in_neither_part() -> None:
    first = texts(1)[0]
    split = divide([first, replace(first, label="other"), *texts(20)[1:]])
    assert first.key not in {item.key for item in [*split.train, *split.test]}
    assert split.left_out == {"same content, several labels": 2}


def test_a_prescribed_test_stays_whole_and_its_copies_do_not_train() -> None:
    first, second, *_ = texts(2)
    tested = replace(first, part="test")
    split = divide([replace(first, part="train"), tested, tested, replace(second, part="train")])
    assert split.test == [tested, tested]
    assert split.train == [replace(second, part="train")]
    assert split.left_out == {"copies": 1}


def test_a_cut_training_part_keeps_the_shares_of_the_labels() -> None:
    items = [
        Item(text_key(f"{i}"), "rare" if i % 10 == 0 else "common", b"", "") for i in range(900)
    ]
    kept = cut(items, 90)
    assert Counter(item.label for item in kept) == {"rare": 9, "common": 81}
    assert kept == cut(list(reversed(items)), 90)
    assert cut(items, 900) == items


def test_the_numbers_left_out_by_a_cut_are_counted() -> None:
    split = divide(texts(200), most=50)
    assert len(split.train) == 50
    assert split.left_out == {"training cut": 200 - len(split.test) - 50}


def test_the_digest_changes_with_a_label() -> None:
    items = texts(50)
    other = [replace(items[0], label="bad" if items[0].label == "good" else "good"), *items[1:]]
    assert divide(items).digest != divide(other).digest

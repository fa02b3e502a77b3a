"""Honest splits."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.training.samples import dataset, sample
from training.data.split import (
    TEST,
    TRAIN,
    Shares,
    check_classes,
    split,
    split_calibration,
    split_validation,
)
from training.errors import BadData

SHARES = Shares(validation=10, test=15)


def many(label: str, count: int) -> list:
    return [sample(f"{label}-{i}", label) for i in range(count)]


def names(part) -> set[str]:
    return {s.name for s in part}


def test_every_sample_is_in_exactly_one_part():
    samples = many("a", 300) + many("b", 300)
    parts = split(samples, SHARES)
    together = [s.name for part in (parts.train, parts.validation, parts.test) for s in part]
    assert sorted(together) == sorted(s.name for s in samples)
    assert parts.counts() == {
        "train": len(parts.train),
        "validation": len(parts.validation),
        "test": len(parts.test),
    }


def test_shares_are_roughly_right():
    counts = split(many("a", 2000) + many("b", 2000), SHARES).counts()
    assert 0.08 < counts["validation"] / 4000 < 0.12
    assert 0.13 < counts["test"] / 4000 < 0.17


def test_another_first_place_is_another_split():
    samples = many("a", 2000) + many("b", 2000)
    before = split(samples, SHARES)
    held_out = names(before.validation) | names(before.test)
    after = split(samples, Shares(validation=10, test=20, first=25))
    assert not names(after.test) & held_out
    assert 0.18 < after.counts()["test"] / 4000 < 0.22
    around = split(samples, replace(SHARES, first=100))
    assert around == before


def test_the_order_of_the_samples_does_not_matter():
    samples = many("a", 50) + many("b", 50)
    assert split(samples, SHARES) == split(samples[::-1], SHARES)


def test_a_sample_stays_where_it_is_when_the_data_set_grows():
    small, large = many("a", 200) + many("b", 200), many("a", 500) + many("b", 200)
    before, after = split(small, SHARES), split(large, SHARES)
    assert names(before.train) <= names(after.train)
    assert names(before.test) <= names(after.test)


def test_the_name_does_not_matter_only_the_content_does():
    samples = many("a", 80) + many("b", 80)
    renamed = [replace(s, name=f"other/{s.name}") for s in samples]
    assert [s.payload for s in split(samples, SHARES).test] == [
        s.payload for s in split(renamed, SHARES).test
    ]


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("count", [3, 4, 7])
def test_every_label_stands_in_every_part(seed: int, count: int):
    samples = [sample(f"{seed}-{label}-{i}", label) for label in "abc" for i in range(count)]
    parts = split(samples, SHARES)
    for part in (parts.train, parts.validation, parts.test):
        assert {s.label for s in part} == {"a", "b", "c"}


def test_a_prescribed_test_set_is_the_whole_test_set():
    samples = many("a", 100) + many("b", 100)
    samples = [replace(s, fixed=TEST if i % 10 == 0 else None) for i, s in enumerate(samples)]
    parts = split(samples, SHARES)
    assert names(parts.test) == {s.name for s in samples if s.fixed}
    assert parts.validation


def test_samples_fixed_to_the_training_split_stay_there():
    samples = [replace(s, fixed=TRAIN) for s in many("a", 50)] + many("a", 9) + many("b", 60)
    parts = split([replace(s, name=f"{i}-{s.name}") for i, s in enumerate(samples)], SHARES)
    assert not any(s.fixed for s in [*parts.validation, *parts.test])


def test_one_class_is_no_problem_to_learn():
    with pytest.raises(BadData, match="at least two labels are needed, found only-one"):
        check_classes(dataset(many("only-one", 20)))


def test_no_sample_at_all():
    with pytest.raises(BadData, match="found none"):
        check_classes(dataset([]))


def test_labels_with_too_few_samples_are_named():
    samples = many("plenty", 20) + many("scarce", 2) + many("rare", 1)
    with pytest.raises(BadData, match="too few: rare, scarce"):
        check_classes(dataset(samples))


def test_small_labels_are_warned_about():
    remarks = check_classes(dataset(many("plenty", 20) + many("few", 4)))
    assert [("few" in remark, "4" in remark) for remark in remarks] == [(True, True)]


def test_split_validation_into_selection_and_calibration():
    samples = many("a", 600)
    chosen, calibrating = split_validation(samples)
    assert sorted([*chosen, *calibrating]) == list(range(600))
    assert 160 < len(chosen) < 240
    held = [samples[i].name for i in chosen]
    backwards = samples[::-1]
    assert sorted(backwards[i].name for i in split_validation(backwards)[0]) == sorted(held)
    assert split_validation(samples[:1]) == ([0], []) and split_validation([]) == ([], [])


def test_the_digest_of_a_data_set_ignores_the_order_only():
    samples = many("a", 5)
    relabelled = [replace(samples[0], label="b"), *samples[1:]]
    assert dataset(samples).sha256 == dataset(samples[::-1]).sha256
    assert dataset(samples).sha256 != dataset(relabelled).sha256
    assert dataset(samples).counts() == Counter(a=5)


def test_split_calibration_has_half_for_the_test():
    samples = [sample(f"s{number}", "ab"[number % 2]) for number in range(400)]
    choose, calibrate, judge = split_calibration(samples)
    assert sorted([*choose, *calibrate, *judge]) == list(range(400))
    assert 170 < len(judge) < 230 and 100 < len(calibrate) < 165 and 40 < len(choose) < 95
    backwards = samples[::-1]
    assert {backwards[i].name for i in split_calibration(backwards)[2]} == {
        samples[i].name for i in judge
    }

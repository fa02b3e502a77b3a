"""What a split promises: by content and group, nothing moves, rare labels everywhere."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.modalities import Payload
from tests.training.samples import sample
from training.data.dataset import TEST, TRAIN, VALIDATION, Sample, as_table
from training.data.split import (
    ENOUGH_FOR_PARTS,
    Shares,
    Splits,
    split,
    split_calibration,
    split_validation,
)
from training.data.split_record import SPLIT, record_split, recorded_shares, with_known_split


def many(label: str, count: int, **more: str) -> list[Sample]:
    return [sample(f"{label}-{i}", label, **more) for i in range(count)]


def part_of(splits: Splits) -> dict[str, str]:
    parts = {TRAIN: splits.train, VALIDATION: splits.validation, TEST: splits.test}
    return {s.name: part for part, samples in parts.items() for s in samples}


def labels(part) -> set[str]:
    return {s.label for s in part}


def drawn(seed: int, most: int) -> list[Sample]:
    """Samples of several labels, some rare, some in groups, in any order."""
    rng, found = random.Random(seed), []
    for label in "abcdef"[: rng.randint(2, 6)]:
        for i in range(rng.choice([rng.randint(3, 12), rng.randint(8, most)])):
            group = rng.choice(["", "", f"group-{rng.randint(0, most)}"]) if seed % 2 else ""
            found.append(sample(f"{seed}-{label}-{i}", label, group=group))
    rng.shuffle(found)
    return found


def test_the_rule_of_shipped_recipes_stays():
    # As the code before rule 2 divided them.
    samples = [s for label, n in (("a", 40), ("b", 5), ("c", 3)) for s in many(label, n)]
    parts = split(samples, Shares(rule=1))
    assert [s.name for s in parts.validation] == ["a-6", "a-25", "a-8", "b-1", "c-2"]
    expected = "a-12 a-15 a-37 a-7 a-4 a-13 a-35 a-28 a-31 a-14 b-3 c-1"
    assert [s.name for s in parts.test] == expected.split()
    fixed = [replace(s, fixed=TEST) if s.name in ("a-0", "a-9") else s for s in samples]
    assert [s.name for s in split(fixed, Shares(rule=1)).test] == ["a-9", "a-0"]


@pytest.mark.parametrize("seed", range(40))
def test_adding_samples_moves_none(seed: int):
    large = drawn(seed, 120)
    kept = Counter[str]()
    small = []
    for s in large:  # a third at first, three of each label at least
        kept[s.label] += 1
        if kept[s.label] <= 3 or kept[s.label] % 3 == 0:
            small.append(s)
    first = split(small, Shares())
    more = [s for i, s in enumerate(large) if i % 3 or s in small]
    middle = split(more, Shares(pinned=first.pinned))
    for before, after in (
        (first, split(large, Shares(pinned=first.pinned))),
        (middle, split(large, Shares(pinned=middle.pinned))),
    ):
        then, now = part_of(before), part_of(after)
        assert {name: now[name] for name in then} == then


@pytest.mark.parametrize("seed", range(10))
def test_adding_samples_moves_none_without_a_record_where_no_label_is_rare(seed: int):
    samples = [sample(f"{seed}-{label}-{i}", label) for label in "abc" for i in range(400)]
    half = [s for i, s in enumerate(samples) if i % 2]
    then, now = part_of(split(half, Shares())), part_of(split(samples, Shares()))
    assert {name: now[name] for name in then} == then
    assert split(half, Shares()).pinned == {}


@pytest.mark.parametrize("seed", range(20))
def test_a_split_that_is_recorded_is_made_again(seed: int):
    samples = drawn(seed, 60)
    first = split(samples, Shares())
    again = split(samples[::-1], recorded_shares(Shares(), record_split(Shares(), first)))
    assert part_of(again) == part_of(first)
    assert again.pinned == first.pinned


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [3, 5, ENOUGH_FOR_PARTS, 12, 20])
def test_every_part_has_every_label_and_two_of_it_where_there_are_enough(seed: int, count: int):
    samples = [sample(f"{seed}-{label}-{i}", label) for label in "ab" for i in range(count)]
    samples += [sample(f"{seed}-many-{i}", "many") for i in range(300)]
    parts = split(samples, Shares())
    least = 2 if count >= ENOUGH_FOR_PARTS else 1
    for part in (parts.train, parts.validation, parts.test):
        assert all(Counter(s.label for s in part)[label] >= least for label in "ab")
    chosen, calibrating = split_validation(parts.validation)
    assert labels(parts.validation[i] for i in chosen) == {"a", "b", "many"}
    if count >= ENOUGH_FOR_PARTS:
        assert labels(parts.validation[i] for i in calibrating) == {"a", "b", "many"}


def test_a_part_takes_the_nearest_hashes():
    samples = many("a", 8) + many("b", 300)
    shares = Shares(validation=2, test=3)
    parts = split(samples, shares)
    places = {s.name: int(s.digest[:8], 16) % 100 for s in samples if s.label == "a"}
    from_test = {name: min(-place % 100, (place - 2) % 100) for name, place in places.items()}
    from_test |= {name: 0 for name, place in places.items() if place < 3}
    tested = {s.name for s in parts.test if s.label == "a"}
    others = set(places) - tested - {s.name for s in parts.validation}
    assert len(tested) == 2
    assert max(from_test[name] for name in tested) <= min(from_test[name] for name in others)
    assert set(parts.pinned.values()) <= {TEST, VALIDATION}


@pytest.mark.parametrize("seed", range(30))
def test_no_group_is_in_two_parts(seed: int):
    rng = random.Random(seed)
    samples = [
        sample(f"{seed}-{i}", rng.choice("ab"), group=f"{rng.randint(0, 14)}" if i % 4 else "")
        for i in range(150)
    ]
    parts = split(samples, Shares(validation=20, test=20))
    chosen, calibrating = split_validation(parts.validation)
    halves = [[parts.validation[i] for i in half] for half in (chosen, calibrating)]
    groups = [{s.group for s in part if s.group} for part in (parts.train, *halves, parts.test)]
    assert (
        sum(map(len, groups))
        == len(set().union(*groups))
        == len({s.group for s in samples if s.group})
    )
    for part in (parts.train, parts.validation, parts.test):
        assert labels(part) == {"a", "b"}
    thirds = split_calibration(samples)
    held = [{samples[i].group for i in third} - {""} for third in thirds]
    assert sum(map(len, held)) == len(set().union(*held))


def test_the_groups_name_decides_whatever_its_samples_are():
    one = [sample(f"one-{i}", "ab"[i % 2], group=f"g{i % 40}") for i in range(400)]
    two = [sample(f"two-{i}", "ab"[i % 2], group=f"g{i % 40}") for i in range(400)]
    tested = [{s.group for s in split(samples, Shares()).test} for samples in (one, two)]
    assert tested[0] == tested[1] != set()


def test_the_parts_of_the_authors_are_kept_and_their_groups_follow():
    samples = many("a", 60) + many("b", 60)
    samples = [
        replace(s, fixed=(TEST, VALIDATION)[i % 2] if i % 6 < 2 else None, group=f"g{i % 6}")
        for i, s in enumerate(samples)
    ]
    parts = part_of(split(samples, Shares()))
    assert all(parts[s.name] == (s.fixed or TRAIN) for s in samples)
    stray = replace(samples[2], name="stray", payload=Payload(b"stray", "text/plain"), group="g0")
    assert part_of(split([*samples, stray], Shares()))["stray"] == TEST


def test_a_prescribed_validation_split_is_the_whole_one():
    samples = [replace(s, fixed=VALIDATION if i < 9 else None) for i, s in enumerate(many("a", 90))]
    parts = split(samples + many("b", 90), Shares())
    assert {s.name for s in parts.validation} == {s.name for s in samples[:9]}
    assert labels(parts.test) == {"a", "b"}


def test_of_a_table_no_payload_is_read():
    samples = drawn(3, 90)
    table = as_table(samples)

    class Closed:
        def name(self, row: int) -> str:
            return samples[row].name

        def payload(self, row: int) -> Payload:
            raise AssertionError("a payload was read")

    closed = replace(table, store=Closed())
    found = split(closed, Shares())
    assert [found.test.name(i) for i in range(len(found.test))] == [
        s.name for s in split(samples, Shares()).test
    ]
    assert split_validation(found.validation) == split_validation(
        split(samples, Shares()).validation
    )
    split_calibration(closed)


def test_a_large_table_is_divided_in_one_pass():
    count = 200_000
    rng = np.random.default_rng(0)
    table = as_table(many("a", 1) + many("b", 1))
    table = replace(
        table,
        rows=np.zeros(count, np.int64),
        labels=rng.integers(0, 2, count).astype(np.int32),
        keys=rng.integers(0, 256, (count, 32)).astype(np.uint8),
        contents=np.zeros((count, 32), np.uint8),
        groups=np.zeros(count, np.int32),
        fixed=np.zeros(count, np.int8),
    )
    counts = split(table, Shares()).counts()
    assert sum(counts.values()) == count
    assert abs(counts[TEST] / count - 0.15) < 0.01 and abs(counts[VALIDATION] / count - 0.1) < 0.01


def test_the_record_of_the_newest_version_is_used(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    pinned = {"0" * 16: TEST, "f" * 16: TRAIN}
    for number, names in ((2, {}), (10, pinned)):
        (tmp_path / f"{number}").mkdir()
        record = record_split(Shares(), Splits([], [], [], names))
        (tmp_path / f"{number}" / SPLIT).write_bytes(record)
    assert with_known_split(Shares(test=7), tmp_path) == Shares(test=7, pinned=pinned)
    assert with_known_split(Shares(rule=1), tmp_path) == Shares(rule=1)
    assert with_known_split(Shares(), tmp_path / "none") == Shares()
    (tmp_path / "10" / SPLIT).write_bytes(b'{"rule": 3}')
    assert with_known_split(Shares(), tmp_path) == Shares()
    assert "rare labels are divided anew" in caplog.text


def test_a_bundle_without_a_record_was_divided_by_the_older_rule():
    assert recorded_shares(Shares(test=9), None) == Shares(test=9, rule=1)


def test_a_part_that_the_authors_did_not_make_is_taken_from_their_training_split():
    samples = [replace(s, fixed=TEST if i < 20 else TRAIN) for i, s in enumerate(many("a", 60))]
    samples += [replace(s, fixed=TEST if i < 20 else TRAIN) for i, s in enumerate(many("b", 60))]
    splits = split(samples, Shares())
    assert {s.name for s in splits.test} == {s.name for s in samples if s.fixed == TEST}
    for label in "ab":
        assert sum(s.label == label for s in splits.validation) >= 2
    alone = [replace(s, fixed=TRAIN) for s in samples]  # a hub's only file
    assert min(split(alone, Shares()).counts().values()) >= 4


def test_all_parts_of_the_authors_stay_as_they_are():
    parts = (TRAIN, VALIDATION, TEST)
    samples = [replace(s, fixed=parts[i % 3]) for i, s in enumerate(many("a", 60))]
    samples += [replace(s, fixed=parts[i % 3]) for i, s in enumerate(many("b", 60))]
    splits = split(samples, Shares())
    for part, found in zip(parts, (splits.train, splits.validation, splits.test), strict=True):
        assert {s.name for s in found} == {s.name for s in samples if s.fixed == part}

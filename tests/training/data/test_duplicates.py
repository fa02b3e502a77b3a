"""Equal samples are kept once, contradictions not at all."""

import hashlib
from collections import defaultdict

import numpy as np
import pytest

from tests.training.samples import dataset, sample
from training.data.dataset import TEST, Sample, as_table
from training.data.duplicates import deduplicate


def test_duplicates_are_dropped_and_counted():
    copies = [sample("one", "a"), sample("two", "a", b"one"), sample("three", "a")]
    kept, remarks = deduplicate(dataset(copies))
    assert [s.name for s in kept.samples] == ["one", "three"]
    assert remarks == ["1 duplicate(s) dropped"]


def test_contradictory_labels_are_dropped_and_named():
    samples = [sample("cat.png", "cat", b"x"), sample("dog.png", "dog", b"x"), sample("z", "cat")]
    kept, remarks = deduplicate(dataset(samples))
    assert [s.name for s in kept.samples] == ["z"]
    assert len(remarks) == 1
    assert "cat.png (cat)" in remarks[0] and "dog.png (dog)" in remarks[0]


@pytest.mark.parametrize("order", [1, -1])
def test_of_copies_in_two_splits_the_one_in_the_test_set_goes(order: int):
    copies = [sample("t", "a", b"x", fixed=TEST), sample("r", "a", b"x")][::order]
    kept, _ = deduplicate(dataset(copies))
    assert [s.name for s in kept.samples] == ["r"]


def test_near_copies_count_by_their_key():
    copies = [sample("one", "a", key="same"), sample("two", "a", key="same")]
    assert len(deduplicate(dataset(copies))[0].samples) == 1


def test_a_contradiction_names_a_sample_of_each_of_two_labels():
    copies = [sample(f"{i}", "a" if i < 5 else "b", b"x") for i in range(6)]
    (remark,) = deduplicate(dataset([*copies, sample("z", "a")]))[1]
    assert remark.endswith(": 0 (a), 1 (a), 5 (b)")


def plainly(samples: list[Sample]) -> list[Sample]:
    """The same in a few plain lines."""
    groups = defaultdict(list)
    for each in samples:
        groups[each.digest].append(each)
    alike = [group for group in groups.values() if len({s.label for s in group}) == 1]
    return [min(group, key=lambda s: s.fixed == TEST) for group in alike]


@pytest.mark.parametrize("seed", range(20))
def test_columns_and_a_plain_loop_keep_the_same(seed: int):
    rng = np.random.default_rng(seed)
    content = [hashlib.sha256(b"%d" % i).digest() for i in rng.integers(0, 40, 90)]
    samples = [
        sample(str(i), "ab"[int(rng.random() < 0.1)], data, fixed=[None, TEST][rng.integers(2)])
        for i, data in enumerate(content)
    ]
    kept = deduplicate(dataset(samples))[0].samples
    assert kept == plainly(samples)
    table = deduplicate(dataset(as_table(samples)))[0].samples
    assert [s.name for s in table] == [s.name for s in kept]

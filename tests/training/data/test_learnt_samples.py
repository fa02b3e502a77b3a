"""The record of what a network learnt from finds every sample again, and no other one."""

import hashlib

import pytest

from tests.training.samples import sample
from training.data.learnt_samples import record_samples, unrecorded
from training.data.split import Shares, split


def test_what_was_learnt_is_found_again():
    samples = [sample(f"{i}.txt", "ham") for i in range(500)]
    learnt, new = samples[::2], samples[1::2]
    record = record_samples(learnt)
    assert unrecorded(record, samples) == new
    assert len(record) == 4 * len(learnt)


def test_the_digest_alone_would_not_say_what_was_learnt():
    """Of few samples whose digests all say `test`, one is trained on; of many, none is."""
    named = (sample(f"{i}.txt", "ham", str(i).encode()) for i in range(1000))
    for_the_test = [s for s in named if int(s.digest[:8], 16) % 100 < Shares().test]
    (learnt,) = split(for_the_test[:3], Shares()).train
    others = [sample(f"{i}.txt", "ham", str(i).encode()) for i in range(1000, 1100)]
    assert learnt in split([*for_the_test, *others], Shares()).test
    assert unrecorded(record_samples([learnt]), for_the_test[:3]) != for_the_test[:3]


def test_the_record_does_not_depend_on_the_order():
    samples = [sample(f"{i}.txt", "ham") for i in range(50)]
    assert record_samples(samples) == record_samples([*samples, *samples][::-1])


def test_the_name_and_the_label_of_a_sample_play_no_part():
    record = record_samples([sample("a.txt", "ham", b"good day")])
    assert unrecorded(record, [sample("b.txt", "spam", b"good day")]) == []


def test_a_sample_is_known_by_its_key_and_by_its_content():
    record = record_samples([sample("a.txt", "ham", b"good day", key="good")])
    by_key = sample("b.txt", "ham", b"Good day!", key="good")
    by_content = sample("c.txt", "ham", b"good day")
    assert unrecorded(record, [by_key, by_content]) == []


def test_the_record_is_four_bytes_of_each_digest_in_order():
    digests = sorted(hashlib.sha256(name.encode()).digest()[:4] for name in ("a", "b", "c"))
    record = record_samples([sample(name, "ham") for name in ("a", "b", "c")])
    assert record == b"".join(digest[::-1] for digest in digests)  # little-endian


def test_nothing_learnt_leaves_everything_new():
    samples = [sample("a.txt", "ham")]
    assert unrecorded(record_samples([]), samples) == samples


def test_other_bytes_are_no_record():
    with pytest.raises(ValueError, match="multiple of"):
        unrecorded(b"12345", [])

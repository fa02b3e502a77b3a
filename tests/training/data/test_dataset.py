"""A table of samples equals a list of them, and reads a payload only when it is needed."""

import hashlib

import numpy as np
import pytest

from app.modalities import Payload
from training.data.dataset import (
    TEST,
    Dataset,
    Sample,
    SampleTable,
    as_table,
    choose,
    digests,
)

SAMPLES = [
    Sample("a", Payload(b"one", "text/plain"), "b", group="anna"),
    Sample("b", Payload(b"two", "text/plain"), "a", key="two", fixed=TEST),
    Sample("c", Payload(b"three", "text/plain"), "b"),
    Sample("d", Payload(b"one", "text/plain"), "a"),
]


class UnreadStore:
    """A store that must not be read."""

    def name(self, row: int) -> str:
        return f"row {row}"

    def payload(self, row: int) -> Payload:
        raise AssertionError(f"row {row} was read")


@pytest.fixture
def unread() -> SampleTable:
    found = as_table(SAMPLES)
    return SampleTable(
        UnreadStore(),
        np.arange(4),
        found.label_names,
        found.labels,
        found.keys,
        found.contents,
        found.group_names,
        found.groups,
        found.fixed,
    )


def test_samples_of_a_table_equal_those_of_the_list() -> None:
    table = as_table(SAMPLES)
    for found, expected in zip(table, SAMPLES, strict=True):
        assert (found.name, found.payload, found.label) == (
            expected.name,
            expected.payload,
            expected.label,
        )
        assert (found.group, found.fixed, found.digest) == (
            expected.group,
            expected.fixed,
            expected.digest,
        )


def test_digest_of_a_table_equals_that_of_the_list_and_of_sorted_lines(
    unread: SampleTable,
) -> None:
    lines = sorted(f"{hashlib.sha256(s.payload.data).hexdigest()} {s.label}" for s in SAMPLES)
    expected = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert Dataset("x", "", "", SAMPLES).sha256 == expected
    assert Dataset("x", "", "", unread).sha256 == expected


def test_choosing_and_counting_read_no_payload(unread: SampleTable) -> None:
    chosen = choose(unread, [3, 1])
    assert isinstance(chosen, SampleTable)
    assert [chosen.name(i) for i in range(2)] == ["row 3", "row 1"]
    assert unread[1:].name(0) == "row 1"
    assert Dataset("x", "", "", unread).counts() == {"a": 2, "b": 2}
    with pytest.raises(AssertionError, match="row 3 was read"):
        chosen[0]


def test_chosen_samples_of_a_list_are_those_of_a_table() -> None:
    assert choose(SAMPLES, [2, 0]) == [SAMPLES[2], SAMPLES[0]]
    assert [s.name for s in choose(as_table(SAMPLES), np.array([2, 0]))] == ["c", "a"]


def test_an_empty_table_has_no_samples() -> None:
    assert len(as_table([])) == 0
    assert digests([]).shape == (0, 32)
    assert Dataset("x", "", "", []).sha256 == hashlib.sha256(b"").hexdigest()

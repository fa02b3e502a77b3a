"""Samples that are the same by their key: kept once, or not at all where their labels differ.

The keys are compared as columns, so a million samples take a second, and no payload is read.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.data.dataset import FIXED, TEST, Dataset, SampleTable, as_table, choose, digest_order

_NAMED = 3  # samples of a contradiction
_TEST = FIXED.index(TEST)


def deduplicate(dataset: Dataset) -> tuple[Dataset, list[str]]:
    """Keep the first of equal samples; drop all equal samples whose labels differ.

    Of copies that the authors put in different splits, the copy in `test` is dropped, so that no
    training sample is tested. Returns the data set and a line for each remark.
    """
    table = as_table(dataset.samples)
    if not len(table):
        return dataset, []
    places, starts = _equal(table)
    labels = table.labels[places]
    lowest, highest = np.minimum.reduceat(labels, starts), np.maximum.reduceat(labels, starts)
    one_label = lowest == highest
    sizes = np.diff(np.append(starts, len(places)))
    # A copy outside the test split comes first, then the first one.
    rank = np.where(table.fixed[places] == _TEST, len(places), 0) + places
    best = np.minimum.reduceat(rank, starts)
    kept, first = best % len(places), places[starts]  # `places` ascend within equal samples
    order = np.argsort(first[one_label])
    remarks = _contradictions(table, places, starts, sizes, one_label)
    if copies := int((sizes[one_label] - 1).sum()):
        remarks.insert(0, f"{copies} duplicate(s) dropped")
    chosen = choose(dataset.samples, kept[one_label][order])
    return replace(dataset, samples=chosen), remarks


def _equal(table: SampleTable) -> tuple[np.ndarray, np.ndarray]:
    """Return all places with equal keys side by side, and where each run of equal keys starts."""
    places = digest_order(table.keys)
    ordered = table.keys[places]
    new = np.ones(len(places), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return places, np.flatnonzero(new)


def _contradictions(
    table: SampleTable,
    places: np.ndarray,
    starts: np.ndarray,
    sizes: np.ndarray,
    one_label: np.ndarray,
) -> list[str]:
    """Return a line for each run of equal samples whose labels differ, in the samples' order."""
    runs = np.flatnonzero(~one_label)
    lines = []
    for run in runs[np.argsort(places[starts[runs]])]:
        members = places[starts[run] : starts[run] + sizes[run]]
        names = ", ".join(_named(table, place) for place in _shown(table, members))
        lines.append(f"same content, different labels, all dropped: {names}")
    return lines


def _shown(table: SampleTable, members: np.ndarray) -> Sequence[int]:
    """Return the first samples, among them one of another label than the first."""
    shown = [int(place) for place in members[:_NAMED]]
    labels = table.labels[members]
    if (table.labels[shown] == labels[0]).all():
        shown[-1] = int(members[np.flatnonzero(labels != labels[0])[0]])
    return shown


def _named(table: SampleTable, place: int) -> str:
    return f"{table.name(place)} ({table.label_names[table.labels[place]]})"

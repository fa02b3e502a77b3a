"""What can be seen of a split before anything is encoded: parts that groups leave empty."""

from collections.abc import Sequence

import numpy as np

from training.data.dataset import Dataset, Sample, SampleTable, as_table
from training.data.split import SPLIT_NAMES, Shares, split
from training.errors import BadData

_SHOWN = 5  # labels


def check_parts(dataset: Dataset, shares: Shares) -> list[str]:
    """Raise `BadData` where groups leave a part of the split empty; return warnings.

    A warning names the labels that a part lacks because their groups stay whole. Samples without
    groups are not looked at: each part has some of theirs.
    """
    if shares.rule == 1 or not count_groups(dataset.samples):
        return []
    splits = split(dataset.samples, shares)
    parts = dict(zip(SPLIT_NAMES, (splits.train, splits.validation, splits.test), strict=True))
    empty = [name for name, part in parts.items() if not len(part)]
    if empty:
        raise BadData(
            f"{dataset.name}: no sample is left for {' and '.join(empty)}"
            f"{groups_note(dataset.samples)}"
        )
    labels = sorted(dataset.counts())
    found = {name: set(_labels(part)) for name, part in parts.items()}
    lacking = {name: [x for x in labels if x not in found[name]] for name in parts}
    return [
        f"{dataset.name}: no {name} sample of {_some(missing)}{groups_note(dataset.samples)}"
        for name, missing in lacking.items()
        if missing
    ]


def count_groups(samples: Sequence[Sample]) -> int:
    """Return the number of groups of a user's own samples."""
    if not isinstance(samples, SampleTable):
        return 0
    return sum(bool(samples.group_names[number]) for number in np.unique(samples.groups))


def groups_note(samples: Sequence[Sample]) -> str:
    """Return what keeps the samples of groups together; nothing where there are none."""
    groups = count_groups(samples)
    if not groups:
        return ""
    return f": they are in {groups} groups, which stay whole (--group-column none divides them)"


def _labels(samples: Sequence[Sample]) -> list[str]:
    table = as_table(samples)
    return [table.label_names[number] for number in np.unique(table.labels)]


def _some(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else ""
    return ", ".join(map(repr, labels[:_SHOWN])) + more

"""How the samples of the user's own data were divided: the file `SPLIT` of a bundle.

It holds the rule of the split, and where the samples of rare labels are, so that the next version,
with more data, does not put a sample that was trained on into the test split, or the reverse.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from app.bundle.listing import versions
from app.disk import UnexpectedFile, read_small
from training.data.split import SPLIT_NAMES, Rule, Shares, Splits

SPLIT = "split.json"
_MOST_BYTES = 2**26
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class _Record:
    """rule: of `Shares`. pinned: by split, the names of `Splits.pinned`."""

    rule: Rule
    pinned: Mapping[str, list[str]] = Field(default_factory=dict)


def record_split(shares: Shares, splits: Splits) -> bytes:
    """Return the record of a split."""
    pinned = {
        part: sorted(name for name, kept in splits.pinned.items() if kept == part)
        for part in SPLIT_NAMES
    }
    return json.dumps({"rule": shares.rule, "pinned": pinned}, indent=1).encode() + b"\n"


def recorded_shares(shares: Shares, record: bytes | None) -> Shares:
    """Return the shares that divide the same data as the record says.

    record: None of a bundle that has none, which is older than rule 2. Raises `ValueError` for
    bytes that are no record.
    """
    if record is None:
        return replace(shares, rule=1)
    try:
        found = TypeAdapter(_Record).validate_json(record)
    except ValidationError as error:
        raise ValueError(f"{SPLIT} is no record of a split: {error.errors()[0]['msg']}") from None
    pinned = {name: part for part, names in found.pinned.items() for name in names}
    return replace(shares, rule=found.rule, pinned=pinned)


def with_known_split(shares: Shares, model: Path) -> Shares:
    """Return the shares with what the newest version of a model recorded.

    model: the folder of its versions. Without a version, or with one that has no such record,
    nothing is pinned; a record that cannot be read is logged, and pins nothing.
    """
    found = versions(model) if model.is_dir() else {}
    if shares.rule == 1 or not found or not (path := found[max(found)] / SPLIT).exists():
        return shares
    try:
        return replace(recorded_shares(shares, read_small(path, _MOST_BYTES)), rule=shares.rule)
    except (OSError, ValueError, UnexpectedFile) as error:
        _LOG.warning("%s is not used, rare labels are divided anew: %s", path, error)
        return shares

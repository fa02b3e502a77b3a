"""Pictures that look the same and are not: resized, compressed again, slightly cut.

Their outlines (64 bits, `training.data.fingerprints`) differ in few bits. That alone would also
accuse drawings of the same thing, so the pictures of each such pair are compared as the encoder
reads them. It is a warning: nothing is dropped. Pairs with two labels come first.
"""

from collections.abc import Iterator

import numpy as np

from app.errors import InvalidInput
from training.data.dataset import SampleTable
from training.data.fingerprints import TakeFingerprint
from training.errors import MissingData

_BITS = 4  # of 64 that may differ; so one of five bands of bits is equal
_BANDS = np.array_split(np.arange(64, dtype=np.uint64), _BITS + 1)
_LEVELS = 6.0  # of 255, by which the encoded pictures differ on average, at most
_COMPARED = 50_000_000  # pairs of outlines, at most
_BLOCK = 2_000  # outlines that share a band and are compared with each other
_LOOKED_AT = 1_000  # pairs of pictures
_SHOWN = 20


def near_duplicates(
    table: SampleTable, outlines: np.ndarray, has_outline: np.ndarray, take: TakeFingerprint
) -> list[str]:
    """Return a line for each of the first pairs that look the same, those with two labels first.

    outlines: uint64 (samples,). has_outline: bool (samples,). take: gives the encoded picture.
    """
    places = _different(table, has_outline)
    pairs = _pairs(outlines[places])
    if not len(pairs):
        return []
    first, second = places[pairs[:, 0]], places[pairs[:, 1]]
    distance = np.bitwise_count(outlines[first] ^ outlines[second])
    same_label = table.labels[first] == table.labels[second]
    order = np.lexsort((second, first, distance, same_label))[:_LOOKED_AT]
    alike = [
        (int(first[i]), int(second[i]))
        for i in order
        if _look_alike(table, int(first[i]), int(second[i]), take)
    ]
    lines = [
        f"look nearly the same: {_named(table, a)} and {_named(table, b)}"
        for a, b in alike[:_SHOWN]
    ]
    if len(alike) > _SHOWN:
        least = "at least " if len(pairs) > _LOOKED_AT else ""
        lines.append(f"{least}{len(alike)} pairs look nearly the same")
    return lines


def _different(table: SampleTable, has_outline: np.ndarray) -> np.ndarray:
    """Return the first place of each key that has an outline."""
    places = np.flatnonzero(has_outline)
    words = np.ascontiguousarray(table.keys[places]).view(np.uint64)[:, 0]
    return np.sort(places[np.unique(words, return_index=True)[1]])


def _pairs(outlines: np.ndarray) -> np.ndarray:
    """Return the pairs whose outlines differ in at most `_BITS` bits, int64 (pairs, 2)."""
    found, compared = [np.zeros((0, 2), dtype=np.int64)], 0
    for bits in _BANDS:
        mask = np.bitwise_or.reduce(np.uint64(1) << bits)
        for block in _blocks(outlines & mask):
            compared += len(block) ** 2
            if compared > _COMPARED:
                break
            a, b = np.triu_indices(len(block), 1)
            near = np.bitwise_count(outlines[block[a]] ^ outlines[block[b]]) <= _BITS
            pairs = np.stack((block[a[near]], block[b[near]]), axis=1)
            found.append(np.sort(pairs, axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _blocks(bands: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the places of equal values, small runs first, long runs in pieces."""
    order = np.argsort(bands, kind="stable")
    starts = np.flatnonzero(np.append(True, bands[order][1:] != bands[order][:-1]))
    runs = np.split(order, starts[1:])
    for run in sorted((run for run in runs if len(run) > 1), key=len):
        for start in range(0, len(run), _BLOCK):
            yield run[start : start + _BLOCK]


def _look_alike(table: SampleTable, a: int, b: int, take: TakeFingerprint) -> bool:
    try:
        pictures = [
            np.frombuffer(take(table.store.payload(int(table.rows[i])), False).key, dtype=np.uint8)
            for i in (a, b)
        ]
    except (InvalidInput, MissingData):
        return False  # the file changed since it was examined
    if pictures[0].shape != pictures[1].shape:
        return False
    return float(np.abs(pictures[0].astype(np.int16) - pictures[1]).mean()) <= _LEVELS


def _named(table: SampleTable, place: int) -> str:
    return f"{table.name(place)} ({table.label_names[table.labels[place]]})"

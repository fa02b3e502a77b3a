"""Trees of different shapes → one forest, without padding; and its nodes → those of each tree.

A forest is five int64 arrays. Leaves have the first numbers and inner nodes follow by height, so
that every child precedes its parent and a network can work level by level:

- `tokens` (leaf,): the token id of each leaf;
- `left`, `right` (inner,): the children of each inner node;
- `levels` (level,): the ends of the levels among the inner nodes, from 0: the nodes of height h
  are `levels[h - 1]:levels[h]`;
- `roots` (batch,): the root of each tree.

A single tree is a forest, and several forests join to one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

Forest = Mapping[str, np.ndarray]
FOREST_INPUTS = ("tokens", "left", "right", "levels", "roots")


def join(forests: Sequence[Forest]) -> dict[str, np.ndarray]:
    """Return one forest of all trees, in order; five int64 arrays."""
    if len(forests) == 1:
        return {name: forests[0][name] for name in FOREST_INPUTS}
    places = node_places(forests)
    children = {}
    order = np.argsort(_heights(forests), kind="stable")
    for side in ("left", "right"):
        moved = [place[forest[side]] for place, forest in zip(places, forests, strict=True)]
        children[side] = np.concatenate(moved)[order]
    highest = max(len(forest["levels"]) for forest in forests)
    levels = sum(
        np.pad(forest["levels"], (0, highest - len(forest["levels"])), mode="edge")
        for forest in forests
    )
    return {
        "tokens": np.concatenate([forest["tokens"] for forest in forests]),
        **children,
        "levels": np.asarray(levels, dtype=np.int64),
        "roots": np.concatenate(
            [place[forest["roots"]] for place, forest in zip(places, forests, strict=True)]
        ),
    }


def node_places(forests: Sequence[Forest]) -> list[np.ndarray]:
    """Return for each forest the places that `join` gives its nodes, int64 (nodes,)."""
    leaves = [len(forest["tokens"]) for forest in forests]
    inner = [len(forest["left"]) for forest in forests]
    rank = np.empty(sum(inner), dtype=np.int64)
    rank[np.argsort(_heights(forests), kind="stable")] = sum(leaves) + np.arange(sum(inner))
    starts, ranks = np.cumsum([0, *leaves[:-1]]), np.split(rank, np.cumsum(inner)[:-1])
    return [
        np.concatenate([start + np.arange(count), own])
        for start, count, own in zip(starts, leaves, ranks, strict=True)
    ]


def _heights(forests: Sequence[Forest]) -> np.ndarray:
    """Return the height of every inner node, less one, forest after forest."""
    return np.concatenate(
        [np.repeat(np.arange(len(f["levels"]) - 1), np.diff(f["levels"])) for f in forests]
    )

"""Samples → encoded examples, by the encoders of the service."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.batching.collate import collate
from app.batching.forest import node_places
from app.bundle.tensors import Arrays, TensorSpec
from app.errors import InvalidInput
from app.modalities import Encoder
from training.data.dataset import Sample, choose

IGNORE_INDEX = -100  # a target that cross-entropy ignores


@dataclass(frozen=True, slots=True)
class Examples:
    """Encoded samples of one split.

    items: the arrays of each sample. targets: the index of each label, int64 (samples,), or the
    targets of passages, int64 (passages, length). inputs: the tensors of a batch. node_targets:
    for trees, the labels of all nodes, int64 (nodes,) for each tree, `IGNORE_INDEX` where a node
    has none.
    """

    items: Sequence[Arrays]
    targets: np.ndarray
    samples: Sequence[Sample]
    inputs: tuple[TensorSpec, ...]
    node_targets: Sequence[np.ndarray] = ()

    def __len__(self) -> int:
        return len(self.items)

    def batch(self, indices: Sequence[int]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the network's inputs, in their order, and the targets of these examples."""
        arrays = collate([self.items[i] for i in indices], self.inputs)
        return list(arrays.values()), self.targets[np.asarray(indices)]

    def training_batch(self, indices: Sequence[int]) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the network's inputs and the training targets: `node_targets`, if any."""
        inputs, targets = self.batch(indices)
        if self.node_targets:
            node_targets = [self.node_targets[i] for i in indices]
            targets = np.empty(sum(map(len, node_targets)), dtype=np.int64)
            for places, node_labels in zip(
                node_places([self.items[i] for i in indices]), node_targets, strict=True
            ):
                targets[places] = node_labels
        return inputs, targets

    def select(self, indices: Sequence[int]) -> "Examples":
        """Return some of the examples, with their node targets."""
        return Examples(
            [self.items[i] for i in indices],
            self.targets[np.asarray(indices, dtype=np.int64)],
            choose(self.samples, indices),
            self.inputs,
            [self.node_targets[i] for i in indices] if self.node_targets else (),
        )

    def lengths(self) -> np.ndarray:
        """Return the size of each item's dynamic axis, int64 (samples,); 0 without such an axis."""
        named = [
            s for s in self.inputs if any(isinstance(a, str) and a != "batch" for a in s.shape)
        ]
        if not named:
            return np.zeros(len(self), dtype=np.int64)
        return np.asarray([item[named[0].name].shape[0] for item in self.items])


def encode(
    encoder: Encoder,
    samples: Sequence[Sample],
    labels: Sequence[str],
    inputs: tuple[TensorSpec, ...],
) -> tuple[Examples, list[str]]:
    """Encode the samples; return the examples, and a line for each sample that is unreadable."""
    items, targets, kept, unreadable = [], [], list[int](), []
    index = {label: i for i, label in enumerate(labels)}
    for place, sample in enumerate(samples):
        try:
            items.append(encoder.encode(sample.payload).arrays)
        except InvalidInput as error:
            unreadable.append(f"{sample.name} ({error})")
            continue
        targets.append(index[sample.label])
        kept.append(place)
    found = choose(samples, kept)
    return Examples(items, np.asarray(targets, dtype=np.int64), found, inputs), unreadable


def root_node_targets(trees: Examples) -> list[np.ndarray]:
    """Return node targets, int64 (nodes,) each, for trees whose label is that of the root."""
    node_targets = []
    for item, target in zip(trees.items, trees.targets, strict=True):
        node_labels = np.full(len(item["tokens"]) + len(item["left"]), IGNORE_INDEX, dtype=np.int64)
        node_labels[item["roots"]] = target
        node_targets.append(node_labels)
    return node_targets


def epoch_order(lengths: np.ndarray, batch: int, seed: int) -> list[list[int]]:
    """Return one epoch's batches of indices, shuffled by `seed`; a batch has similar lengths.

    Runs of 20 batches are sorted by length before they are cut, so that there is little padding and
    the batches still differ between epochs.
    """
    order = np.random.default_rng(seed).permutation(len(lengths))
    if lengths.any():
        run = 20 * batch
        chunks = [order[i : i + run] for i in range(0, len(order), run)]
        order = np.concatenate([c[np.argsort(lengths[c], kind="stable")] for c in chunks])
    batches = [order[i : i + batch].tolist() for i in range(0, len(order), batch)]
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches.pop()  # a single item has no batch statistics
    shuffled = np.random.default_rng(seed + 1).permutation(len(batches))
    return [batches[i] for i in shuffled]

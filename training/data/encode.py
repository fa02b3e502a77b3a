"""Samples → encoded examples, by the encoders of the service.

What `encode` returns is in memory-mapped files where it is large (`training.data.encoded_folder`),
so memory does not grow with the samples.
"""

import hashlib
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

import app
from app.batching.forest import node_places
from app.bundle.tensors import Arrays, TensorSpec
from app.modalities import Encoder
from training.data.dataset import Sample, SampleTable, as_table, choose, name_of
from training.data.encoded import join_items, lengths, take
from training.data.encoded_folder import EncodedFolder, EncodedSplit, kept_before, may_be_kept
from training.data.encoded_writer import IN_MEMORY, EncodedWriter
from training.data.encoding_processes import WORTHWHILE_SECONDS, encode_parts
from training.progress import Progress

_LOG = logging.getLogger(__name__)
IGNORE_INDEX = -100  # a target that cross-entropy ignores
_DECODERS = ("numpy", "pillow", "soundfile", "tokenizers")  # packages that the arrays depend on


@dataclass(frozen=True, slots=True)
class Examples:
    """EncodedSplit samples of one split.

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
        arrays = join_items(self.items, indices, self.inputs)
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

    def select(self, indices: Sequence[int] | np.ndarray) -> "Examples":
        """Return some of the examples, with their node targets."""
        return Examples(
            take(self.items, indices),
            self.targets[np.asarray(indices, dtype=np.int64)],
            choose(self.samples, indices),
            self.inputs,
            [self.node_targets[i] for i in indices] if self.node_targets else (),
        )

    def lengths(self) -> np.ndarray:
        """Return the size of each item's dynamic axis, int64 (samples,); 0 without such an axis."""
        return lengths(self.items, self.inputs)


@dataclass(frozen=True, slots=True)
class EncodingLimits:
    """When encoding uses files and processes; the result does not depend on it.

    in_memory: bytes of encoded samples above which files are used. worthwhile: seconds of work
    above which other processes are used. processes: how many; None: one for each processor.
    """

    in_memory: int = IN_MEMORY
    worthwhile: float = WORTHWHILE_SECONDS
    processes: int | None = None


def encode(
    encoder: Encoder,
    samples: Sequence[Sample],
    labels: Sequence[str],
    inputs: tuple[TensorSpec, ...],
    limits: EncodingLimits = EncodingLimits(),
) -> tuple[Examples, list[str]]:
    """Encode the samples; return the examples, and a line for each sample that is unreadable.

    Where the samples are many, a line is logged about every ten seconds.
    """
    found = None
    if may_be_kept():
        found = kept_before(_identity(encoder, samples, inputs))
    if found is None:
        found = _encoded(encoder, samples, inputs, limits)
    lost = [f"{name_of(samples, place)} ({reason})" for place, reason in found.unreadable]
    read = choose(samples, found.kept)
    return Examples(found.items, _targets(read, labels), read, inputs), lost


def _encoded(
    encoder: Encoder,
    samples: Sequence[Sample],
    inputs: tuple[TensorSpec, ...],
    limits: EncodingLimits,
) -> EncodedSplit:
    kept, unreadable = [], list[tuple[int, str]]()
    progress = Progress(_LOG, "encoded %d of %d samples", len(samples))
    parts = encode_parts(
        encoder, samples, inputs, worthwhile=limits.worthwhile, processes=limits.processes
    )
    with (
        EncodedFolder(lambda: _identity(encoder, samples, inputs)) as folder,
        EncodedWriter(folder.make, limits.in_memory) as writer,
    ):
        for start, part in parts:
            with folder.written():
                writer.add(part.tensors, len(part.kept))
            kept.append(start + np.asarray(part.kept, dtype=np.int64))
            unreadable += [(start + place, reason) for place, reason in part.unreadable]
            progress(start + len(part.kept) + len(part.unreadable))
        places = np.concatenate([np.zeros(0, np.int64), *kept])
        with folder.written():
            found = EncodedSplit(writer.finish(), places, tuple(unreadable))
            folder.seal(found)
    return found


def _targets(samples: Sequence[Sample], labels: Sequence[str]) -> np.ndarray:
    """Return the index of each sample's label, int64 (samples,)."""
    index = {label: i for i, label in enumerate(labels)}
    if not isinstance(samples, SampleTable):
        return np.asarray([index[sample.label] for sample in samples], dtype=np.int64)
    places = np.asarray([index.get(name, -1) for name in samples.label_names], dtype=np.int64)
    targets = places[samples.labels]
    if (targets < 0).any():
        raise KeyError(samples.label_names[samples.labels[int(np.argmin(targets))]])
    return targets


def _identity(encoder: Encoder, samples: Sequence[Sample], inputs: tuple[TensorSpec, ...]) -> str:
    """Return a digest of what the encoded samples are a function of."""
    digest = hashlib.sha256(_code().encode())
    digest.update(pickle.dumps(encoder))
    digest.update("\n".join(spec.model_dump_json() for spec in inputs).encode())
    digest.update(np.ascontiguousarray(as_table(samples).contents).data)
    return digest.hexdigest()


@cache
def _code() -> str:
    """Return a digest of the source of the encoders and of the packages that they decode with."""
    digest = hashlib.sha256(" ".join(version(name) for name in _DECODERS).encode())
    roots = (Path(app.__file__).parent / "modalities", Path(__file__).parent)
    for path in (path for root in roots for path in sorted(root.rglob("*.py"))):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


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

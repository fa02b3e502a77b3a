"""The one way to run a graph, or a torch network, over encoded items in batches.

Every figure of a bundle comes from here: the graph is fed as the service feeds it, the outputs of
all batches are put together again, and the caller chooses the batch size alone.

Items of different lengths are run in batches of similar lengths, because in batches of any lengths
much of the work is padding. The outputs have the order of the items. They are equal to those of
other batches but for the last bits, see `kept_order`.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from app.batching.collate import collate, split_outputs
from app.bundle import Manifest
from app.bundle.tensors import NODES, Arrays, TensorSpec, is_forest
from app.runtime.session import Session
from training.data.encode import Examples
from training.data.encoded import join_items, lengths
from training.exporting.known_outputs import graph_digest, keep, key, recall
from training.progress import Progress

_LOG = logging.getLogger(__name__)
BATCH = 64  # items in a run, where the caller names no other number
_NODES = (TensorSpec(name=NODES, dtype="float32", shape=("node", "label")),)
_sorted: ContextVar[bool] = ContextVar("sorted", default=True)


@contextmanager
def kept_order(kept: bool = True) -> Iterator[None]:
    """Run items in batches of their own order while the context lasts, if `kept`.

    The sums of a batch may be rounded in another way in a batch of another size. So a bundle that
    was published from batches of one order has the same bytes from these alone.
    """
    token = _sorted.set(not kept)
    try:
        yield
    finally:
        _sorted.reset(token)


@dataclass(frozen=True, slots=True)
class GraphRunner:
    """A session, and how encoded items become its inputs.

    tensors: what the encoder makes of an item, in the order of the graph's inputs. names: the
    graph's own names for these inputs; without them the names of the tensors.
    """

    session: Session
    tensors: Sequence[TensorSpec]
    names: Sequence[str] = field(default=())

    def batches(
        self, items: Sequence[Arrays], *, batch_size: int = BATCH, explain: bool = False
    ) -> Iterator[dict[str, np.ndarray]]:
        """Yield the outputs of each batch, in the order of the items."""
        for indices in chunks(len(items), batch_size):
            yield self._batch(items, indices, explain=explain)

    def run(
        self,
        items: Sequence[Arrays],
        outputs: Sequence[str],
        *,
        batch_size: int = BATCH,
        explain: bool = False,
    ) -> dict[str, np.ndarray]:
        """Return these outputs by name, each (items, …).

        Every other axis must have one size in all batches.
        """
        batches = length_batches(lengths(items, self.tensors), self.tensors, batch_size)
        parts = (self._batch(items, indices, explain=explain) for indices in batches)
        named = ({name: found[name] for name in outputs} for found in parts)
        return _in_order(named, batches, len(items), forest=is_forest(self.tensors))

    def run_each(
        self, items: Sequence[Arrays], *, batch_size: int = BATCH, explain: bool = False
    ) -> list[dict[str, np.ndarray]]:
        """Return all outputs of each item by name; a tree's nodes in the order of the tree."""
        specs = _NODES if is_forest(self.tensors) else ()
        found: list[dict[str, np.ndarray]] = [{}] * len(items)
        for indices in length_batches(lengths(items, self.tensors), self.tensors, batch_size):
            outputs = self._batch(items, indices, explain=explain)
            each = split_outputs(outputs, [items[i] for i in indices], specs)
            for index, answer in zip(indices, each, strict=True):
                found[index] = answer
        return found

    def _batch(
        self, items: Sequence[Arrays], indices: Sequence[int], *, explain: bool
    ) -> dict[str, np.ndarray]:
        inputs = join_items(items, indices, self.tensors)
        if self.names:
            inputs = dict(zip(self.names, inputs.values(), strict=True))
        return self.session.run(inputs, explain=explain)


def runner_for(manifest: Manifest, session: Session) -> GraphRunner:
    """Return what runs a session of the bundle's graph, or of a graph with the same inputs."""
    names = [spec.name for spec in manifest.inputs]
    return GraphRunner(session, manifest.encoder.tensors(), names)


def run_graph(
    model: bytes, examples: Examples, outputs: Sequence[str], *, batch_size: int = BATCH
) -> dict[str, np.ndarray]:
    """Return these outputs of a serialised graph by name, each (samples, …).

    As many threads work as torch uses. Within `known_outputs` nothing is computed twice.
    """
    digest = graph_digest(model)
    keys = {name: key(digest, examples, f"{batch_size} {name}") for name in outputs}
    known = {name: found for name in outputs if (found := recall(keys[name])) is not None}
    if len(known) < len(outputs):
        session = Session(model, threads=torch.get_num_threads())
        runner = GraphRunner(session, examples.inputs)
        known = runner.run(examples.items, outputs, batch_size=batch_size)
        for name, found in known.items():
            keep(keys[name], found)
    return known


def run_network(
    network: nn.Module,
    examples: Examples,
    forward: Callable[..., Tensor] | None = None,
    *,
    batch_size: int = BATCH,
) -> np.ndarray:
    """Return what a torch network computes of the examples in evaluation mode, (samples, …).

    forward: computes one tensor of a batch's inputs; without it the network itself does.
    """
    network.eval()
    compute = forward or network
    batches = length_batches(examples.lengths(), examples.inputs, batch_size)
    with torch.no_grad():
        parts = (
            {"": compute(*map(torch.from_numpy, examples.batch(indices)[0])).numpy()}
            for indices in batches
        )
        return _in_order(parts, batches, len(examples), forest=is_forest(examples.inputs))[""]


def feeds_for(manifest: Manifest, items: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Return the inputs of the bundle's graph for one batch of encoded items."""
    arrays = collate(items, manifest.encoder.tensors())
    return dict(zip((spec.name for spec in manifest.inputs), arrays.values(), strict=True))


def chunks(count: int, batch_size: int = BATCH) -> list[range]:
    """Return the places of `count` examples, `batch_size` at a time."""
    return [range(i, min(i + batch_size, count)) for i in range(0, count, batch_size)]


def length_batches(
    sizes: np.ndarray, tensors: Sequence[TensorSpec], batch_size: int = BATCH
) -> Sequence[Sequence[int]]:
    """Return the places of the examples of each batch, of similar lengths where these vary.

    sizes: int64 (examples,). The nodes of trees are joined without padding, so trees keep their
    order.
    """
    if not _sorted.get() or is_forest(tensors) or not sizes.any():
        return chunks(len(sizes), batch_size)
    order = np.argsort(-sizes, kind="stable")  # the longest first: want of memory shows at once
    return [order[i : i + batch_size].tolist() for i in range(0, len(order), batch_size)]


def _in_order(
    parts: Iterable[dict[str, np.ndarray]],
    batches: Sequence[Sequence[int]],
    count: int,
    *,
    forest: bool,
) -> dict[str, np.ndarray]:
    """Return the outputs of batches as arrays in the order of the items.

    forest: whether the items are trees, which are in order; an output may have a row for each node.
    """
    progress, done = Progress(_LOG, "computed %d of %d", count), 0
    found: dict[str, np.ndarray] = {}
    rows: dict[str, list[np.ndarray]] = defaultdict(list)
    for indices, part in zip(batches, parts, strict=True):
        for name, array in part.items():
            if forest:
                rows[name].append(array)
                continue
            if name not in found:
                found[name] = np.empty((count, *array.shape[1:]), array.dtype)
            found[name][np.asarray(indices)] = array
        done += len(indices)
        progress(done)
    return found | {name: np.concatenate(arrays) for name, arrays in rows.items()}

"""The one way to run a graph, or a torch network, over encoded items in batches.

Every figure of a bundle comes from here: the graph is fed as the service feeds it, the outputs of
all batches are put together again, and the caller chooses the batch size alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from app.batching.collate import collate, split_outputs
from app.bundle import Manifest
from app.bundle.tensors import NODES, Arrays, TensorSpec, is_forest
from app.runtime.session import Session
from training.data.encode import Examples

BATCH = 64  # items in a run, where the caller names no other number
_NODES = (TensorSpec(name=NODES, dtype="float32", shape=("node", "label")),)


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
        for start in range(0, len(items), batch_size):
            inputs = collate(items[start : start + batch_size], self.tensors)
            if self.names:
                inputs = dict(zip(self.names, inputs.values(), strict=True))
            yield self.session.run(inputs, explain=explain)

    def run(
        self,
        items: Sequence[Arrays],
        outputs: Sequence[str],
        *,
        batch_size: int = BATCH,
        explain: bool = False,
    ) -> dict[str, np.ndarray]:
        """Return these outputs by name, the batches joined along the first axis.

        Every other axis must have one size in all batches.
        """
        parts = [
            {name: found[name] for name in outputs}
            for found in self.batches(items, batch_size=batch_size, explain=explain)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in outputs}

    def run_each(
        self, items: Sequence[Arrays], *, batch_size: int = BATCH, explain: bool = False
    ) -> list[dict[str, np.ndarray]]:
        """Return all outputs of each item by name; a tree's nodes in the order of the tree."""
        specs = _NODES if is_forest(self.tensors) else ()
        found: list[dict[str, np.ndarray]] = []
        for outputs in self.batches(items, batch_size=batch_size, explain=explain):
            found += split_outputs(outputs, items[len(found) : len(found) + batch_size], specs)
        return found


def runner_for(manifest: Manifest, session: Session) -> GraphRunner:
    """Return what runs a session of the bundle's graph, or of a graph with the same inputs."""
    names = [spec.name for spec in manifest.inputs]
    return GraphRunner(session, manifest.encoder.tensors(), names)


def run_graph(
    model: bytes, examples: Examples, outputs: Sequence[str], *, batch_size: int = BATCH
) -> dict[str, np.ndarray]:
    """Return these outputs of a serialised graph by name, each (samples, …).

    As many threads work as torch uses.
    """
    session = Session(model, threads=torch.get_num_threads())
    runner = GraphRunner(session, examples.inputs)
    return runner.run(examples.items, outputs, batch_size=batch_size)


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
    with torch.no_grad():
        parts = [
            compute(*(torch.from_numpy(array) for array in examples.batch(indices)[0])).numpy()
            for indices in chunks(len(examples), batch_size)
        ]
    return np.concatenate(parts)


def feeds_for(manifest: Manifest, items: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Return the inputs of the bundle's graph for one batch of encoded items."""
    arrays = collate(items, manifest.encoder.tensors())
    return dict(zip((spec.name for spec in manifest.inputs), arrays.values(), strict=True))


def chunks(count: int, batch_size: int = BATCH) -> list[range]:
    """Return the places of `count` examples, `batch_size` at a time."""
    return [range(i, min(i + batch_size, count)) for i in range(0, count, batch_size)]

"""Feature extraction by a trained text encoder, against ONNX Runtime on batches sorted by length.

Both compute the embeddings of the same texts with the same weights and batch size. The graph is
that of the embedding alone, and its batches are made before the clock starts.
"""

import time

import numpy as np
import torch

from app.batching.collate import collate
from app.runtime.session import Session
from benchmarks.training.made import LABELS, encoded_texts
from training.data.encode import Examples
from training.exporting.export import Servable, export
from training.exporting.graph import BATCH
from training.modalities.text import TRAINING_TEXT
from training.transfer.features import embeddings
from training.transfer.packages import minilm

_IDS = 20_000  # of MiniLM's vocabulary
_CLOSE = 1e-3


class Extraction:
    """An encoder in both forms, and texts."""

    def __init__(self, texts: int = 384) -> None:
        source = minilm()
        torch.manual_seed(0)
        self._network = source.build(LABELS)
        source.load_weights(self._network)
        self._network.eval()
        made = encoded_texts(texts, 128, _IDS, seed=3)
        self._examples = Examples(made.items, made.targets, [], source.encoder.tensors())
        some = [torch.from_numpy(a) for a in self._examples.batch(range(2))[0]]
        axes = TRAINING_TEXT.saliency_axes
        model = export(Servable(self._network), self._examples.inputs, some, axes)
        self._session = Session(model, threads=torch.get_num_threads())
        order = np.argsort(self._examples.lengths(), kind="stable")
        items = [self._examples.items[int(i)] for i in order]
        self._batches = [
            collate(items[i : i + BATCH], self._examples.inputs)
            for i in range(0, len(items), BATCH)
        ]
        self._order = order

    def check(self) -> None:
        """Raise `ValueError` where the two compute different embeddings."""
        graph = np.concatenate([self._session.run(b)["embedding"] for b in self._batches])
        gap = np.abs(embeddings(self._network, self._examples)[self._order] - graph).max()
        if not gap < _CLOSE:
            raise ValueError(f"the embeddings differ by {gap:.2g}")

    def ours(self) -> float:
        """Return texts a second of the embedding that a training computes."""
        started = time.perf_counter()
        embeddings(self._network, self._examples)
        return len(self._examples) / (time.perf_counter() - started)

    def runtime(self) -> float:
        """Return texts a second of ONNX Runtime."""
        started = time.perf_counter()
        for batch in self._batches:
            self._session.run(batch)
        return len(self._examples) / (time.perf_counter() - started)

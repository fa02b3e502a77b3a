"""The stages of one bundle, as plain functions on plain values."""

import threading
from collections.abc import Callable, Sequence

import numpy as np

from app.bundle import Bundle, Manifest
from app.engine.collate import Arrays, collate, size_of, split
from app.engine.providers import Device
from app.engine.session import Session
from app.errors import DeadlineExceeded, InvalidInput
from app.inputs import Encoded, Payload, encoder_for
from app.outputs import Prediction, decode_classes, probabilities


class Pipeline:
    """A loaded bundle. Every method is synchronous and may be called from any thread."""

    def __init__(
        self, bundle: Bundle, device: Device = "cpu", threads: int = 1, cuda_graphs: bool = False
    ) -> None:
        self.manifest: Manifest = bundle.manifest
        self.encoder = encoder_for(bundle.manifest.encoder, bundle.files)
        self._session = Session(bundle.model, device, threads, cuda_graphs)
        self._session.check(bundle.manifest.inputs, bundle.manifest.outputs)
        case = bundle.golden[0]
        self.example = (bundle.files[f"golden/{case.file}"], case)  # for the API's description

    @property
    def provider(self) -> str:
        """The ONNX Runtime execution provider that is really in use."""
        return self._session.provider

    def encode(
        self, payloads: Sequence[Payload], abandoned: threading.Event | None = None
    ) -> list[Encoded]:
        """Encode every payload; raise `InvalidInput` naming the index of a bad one.

        Stops with `DeadlineExceeded` between two items once `abandoned` is set.
        """
        encoded = []
        for index, payload in enumerate(payloads):
            if abandoned and abandoned.is_set():
                raise DeadlineExceeded("nobody waits for the answer")
            try:
                encoded.append(self.encoder.encode(payload))
            except InvalidInput as error:
                raise InvalidInput(str(error), index if len(payloads) > 1 else None) from error
        return encoded

    @property
    def size(self) -> Callable[[Arrays], int] | None:
        """How long an item is along the axis that is padded; None when none is."""
        return size_of(self.manifest.encoder.tensors())

    def run(self, items: Sequence[Arrays]) -> list[dict[str, np.ndarray]]:
        """Run one batch of encoded items through the graph."""
        batch = collate(items, self.manifest.encoder.tensors(), self._session.empty)
        names = (spec.name for spec in self.manifest.inputs)  # a packed graph has its own
        outputs = self._session.run(dict(zip(names, batch.values(), strict=True)))
        return split(outputs, len(items))

    def decode(self, encoded: Encoded, outputs: Arrays, top_k: int) -> Prediction:
        """Return the answer to one item."""
        scores = probabilities(self.manifest, outputs)
        return decode_classes(scores, self.manifest.labels, top_k, encoded.truncated)

    def classify(self, payloads: Sequence[Payload], top_k: int = 5) -> list[Prediction]:
        """Answer several payloads in one batch."""
        encoded = self.encode(payloads)
        outputs = self.run([item.arrays for item in encoded])
        return [self.decode(e, o, top_k) for e, o in zip(encoded, outputs, strict=True)]

"""The stages of one bundle, as plain functions on plain values."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.bundle import Bundle, Manifest
from app.engine.collate import Arrays, collate, split
from app.engine.session import Device, Session
from app.errors import DeadlineExceeded, InvalidInput
from app.inputs import Encoded, Payload, encoder_for
from app.outputs import (
    NODES,
    Asked,
    Prediction,
    decode_classes,
    label_phrases,
    probabilities,
)


class Pipeline:
    """A loaded bundle. Every method is synchronous and may be called from any thread."""

    def __init__(self, bundle: Bundle, device: Device = "cpu", threads: int = 1) -> None:
        self.manifest: Manifest = bundle.manifest
        self.encoder = encoder_for(bundle.manifest.encoder, bundle.files)
        self._session = Session(bundle.model, device, threads)
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

    def run(self, items: Sequence[Arrays]) -> list[dict[str, np.ndarray]]:
        """Run one batch of encoded items through the graph."""
        batch = collate(items, self.manifest.encoder.tensors())
        names = (spec.name for spec in self.manifest.inputs)  # a packed graph has its own
        outputs = self._session.run(dict(zip(names, batch.values(), strict=True)))
        return split(outputs, items, self.manifest.outputs)

    def decode(self, encoded: Encoded, outputs: Arrays, asked: Asked) -> Prediction:
        """Return the answer to one item."""
        labels = self.manifest.labels
        scores = probabilities(self.manifest, outputs)
        answer = decode_classes(scores, labels, asked.top_k, encoded.truncated)
        if asked.explain and encoded.tree is not None and NODES in outputs:
            parts = label_phrases(encoded.tree.phrases(), outputs[NODES], labels)
            answer = replace(answer, explanation=parts)
        return answer

    def classify(
        self, payloads: Sequence[Payload], top_k: int = 5, explain: bool = False
    ) -> list[Prediction]:
        """Answer several payloads in one batch."""
        encoded, asked = self.encode(payloads), Asked(top_k, explain)
        outputs = self.run([item.arrays for item in encoded])
        return [self.decode(e, o, asked) for e, o in zip(encoded, outputs, strict=True)]

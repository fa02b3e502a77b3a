"""The stages of one bundle, as plain functions on plain values."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.batching.collate import collate, split
from app.batching.length_bucketing import bucket_by_length
from app.bundle import Bundle, Manifest
from app.bundle.tensors import Arrays, size_of
from app.errors import DeadlineExceeded, InvalidInput, ThalamusError, UnsupportedTask
from app.modalities import Encoded, Payload, encoder_for
from app.outputs import Prediction
from app.pipeline.decoders import Decode, decoders_for
from app.pipeline.item import Answer, Classes, Question, Wanted, ask
from app.runtime.providers import Device
from app.runtime.session import Session
from app.telemetry import Timings


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a question, and where the time of its batch went."""

    answer: Any
    timings: Timings


class Pipeline:
    """A loaded bundle. Every method is synchronous and may be called from any thread."""

    def __init__(
        self, bundle: Bundle, device: Device = "cpu", threads: int = 1, cuda_graphs: bool = False
    ) -> None:
        self.manifest: Manifest = bundle.manifest
        self.encoder = encoder_for(bundle.manifest.encoder, bundle.files)
        self._session = Session(bundle.model, device, threads, cuda_graphs)
        self._session.check(bundle.manifest.inputs, bundle.manifest.outputs)
        self._decoders = decoders_for(bundle.manifest)
        self._tensors = bundle.manifest.encoder.tensors()
        self._names = [spec.name for spec in bundle.manifest.inputs]  # a packed graph has its own
        self._size = size_of(self._tensors)
        # Decoders do without Python's lock: a process that has several cores uses them.
        self._threads = ThreadPoolExecutor(threads, "encoder") if threads > 1 else None
        # For the API's description; a bundle that is being made has none.
        self.examples = [(bundle.files[f"golden/{case.file}"], case) for case in bundle.golden[:1]]

    @property
    def provider(self) -> str:
        """The ONNX Runtime execution provider that is really in use."""
        return self._session.provider

    def encode(self, payloads: Sequence[Payload]) -> list[Encoded]:
        """Encode every payload; raise `InvalidInput` naming the index of a bad one."""
        encoded = []
        for item in self._encode_each(ask(payloads)):
            if isinstance(item, ThalamusError):
                raise item
            encoded.append(item)
        return encoded

    def run(self, items: Sequence[Arrays], explain: bool = False) -> list[dict[str, np.ndarray]]:
        """Run one batch of encoded items through the graph.

        explain: have it compute what only explanations need.
        """
        batch = collate(items, self._tensors, self._session.allocate)
        feeds = dict(zip(self._names, batch.values(), strict=True))
        outputs = self._session.run(feeds, explain=explain)
        return split(outputs, items, self.manifest.outputs)

    def can(self, wanted: type[Wanted[Any]]) -> bool:
        """Say whether the model can be asked this."""
        return wanted in self._decoders

    def decoder(self, wanted: type[Wanted[Any]]) -> Decode:
        """Return what answers this; raise `UnsupportedTask` where the model cannot."""
        if decode := self._decoders.get(wanted):
            return decode
        able = " or ".join(each.verb for each in self._decoders)
        raise UnsupportedTask(
            f"{self.manifest.name} does not {wanted.verb}; what it can be asked is to {able}"
        )

    def predict(self, payloads: Sequence[Payload], wanted: Wanted[Answer]) -> list[Answer]:
        """Answer several payloads in one batch; raise `UnsupportedTask`, `InvalidInput`."""
        decode, encoded = self.decoder(type(wanted)), self.encode(payloads)
        outputs = self.run([item.arrays for item in encoded], wanted.explain)
        return [decode(e, o, wanted) for e, o in zip(encoded, outputs, strict=True)]

    def classify(
        self, payloads: Sequence[Payload], top_k: int = 5, explain: bool = False
    ) -> list[Prediction]:
        """Classify several payloads in one batch."""
        return self.predict(payloads, Classes(top_k, explain))

    def answer(self, questions: Sequence[Question]) -> list[Answered | Exception]:
        """Answer what came together, each for itself: a bad item is its asker's matter.

        Items of different lengths run in groups of like length.
        """
        timings = Timings()
        encoded = self._encode_each(questions)
        timings.lap("encode")
        runnable = [e.arrays for e in encoded if isinstance(e, Encoded)]
        explain = any(question.wanted.explain for question in questions)
        outputs = iter(self._run_in_groups(runnable, explain))
        timings.lap("infer")
        return [
            Answered(
                self._decoders[type(question.wanted)](item, next(outputs), question.wanted), timings
            )
            if isinstance(item, Encoded)
            else item
            for question, item in zip(questions, encoded, strict=True)
        ]

    def _encode_each(self, questions: Sequence[Question]) -> list[Encoded | ThalamusError]:
        if self._threads is None or len(questions) == 1:
            return [self._encode(question) for question in questions]
        return list(self._threads.map(self._encode, questions))

    def _encode(self, question: Question) -> Encoded | ThalamusError:
        if question.asker.left:  # a batch cannot be cancelled, but what is left of it can be spared
            return DeadlineExceeded("nobody waits for the answer")
        try:
            return self.encoder.encode(question.payload)
        except InvalidInput as error:
            return InvalidInput(str(error), question.index)

    def _run_in_groups(self, items: Sequence[Arrays], explain: bool) -> list[dict[str, np.ndarray]]:
        if self._size is None or len(items) < 2:
            return self.run(items, explain) if items else []
        outputs: dict[int, dict[str, np.ndarray]] = {}
        for group in bucket_by_length([self._size(item) for item in items]):
            outputs |= zip(group, self.run([items[place] for place in group], explain), strict=True)
        return [outputs[place] for place in range(len(items))]

"""The stages of one bundle, as plain functions on plain values."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from app.bundle import Bundle, Manifest
from app.engine.collate import Arrays, collate, size_of, split
from app.engine.companions import groups
from app.engine.providers import Device
from app.engine.session import Session
from app.errors import DeadlineExceeded, InvalidInput, ThalamusError
from app.inputs import Encoded, Payload, encoder_for
from app.outputs import Prediction, decode_classes, probabilities
from app.pipeline.explain import explanation
from app.telemetry import Timings


@dataclass(slots=True)
class Asker:
    """Who asked; set `left` when nobody waits for the answer any more."""

    left: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A payload, what is asked of it, and which of its asker's items it is.

    `top_k` labels are wanted, and with `explain` what led to them, where the model can say.
    """

    payload: Payload
    top_k: int = 5
    explain: bool = False
    index: int | None = None
    asker: Asker = field(default_factory=Asker)


def ask(
    payloads: Sequence[Payload], top_k: int = 5, explain: bool = False, asker: Asker | None = None
) -> list[Question]:
    """Return one question a payload, all of one asker; several know their places."""
    asker, several = asker or Asker(), len(payloads) > 1
    return [
        Question(payload, top_k, explain, index if several else None, asker)
        for index, payload in enumerate(payloads)
    ]


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a question, and where the time of its batch went."""

    prediction: Prediction
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
        self._size = size_of(bundle.manifest.encoder.tensors())
        # Decoders do without Python's lock: a process that has several cores uses them.
        self._threads = ThreadPoolExecutor(threads, "encoder") if threads > 1 else None
        case = bundle.golden[0]
        self.example = (bundle.files[f"golden/{case.file}"], case)  # for the API's description

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
        batch = collate(items, self.manifest.encoder.tensors(), self._session.empty)
        names = (spec.name for spec in self.manifest.inputs)  # a packed graph has its own
        feeds = dict(zip(names, batch.values(), strict=True))
        outputs = self._session.run(feeds, explain=explain)
        return split(outputs, items, self.manifest.outputs)

    def decode(
        self, encoded: Encoded, outputs: Arrays, top_k: int, explain: bool = False
    ) -> Prediction:
        """Return the answer to one item."""
        labels = self.manifest.labels
        scores = probabilities(self.manifest, outputs)
        answer = decode_classes(scores, labels, top_k, encoded.truncated)
        if explain:
            answer = replace(answer, explanation=explanation(self.manifest, encoded, outputs))
        return answer

    def classify(
        self, payloads: Sequence[Payload], top_k: int = 5, explain: bool = False
    ) -> list[Prediction]:
        """Answer several payloads in one batch."""
        encoded = self.encode(payloads)
        outputs = self.run([item.arrays for item in encoded], explain)
        return [self.decode(e, o, top_k, explain) for e, o in zip(encoded, outputs, strict=True)]

    def answer(self, questions: Sequence[Question]) -> list[Answered | Exception]:
        """Answer what came together, each for itself: a bad item is its asker's matter.

        Items of different lengths run in groups of like length.
        """
        timings = Timings()
        encoded = self._encode_each(questions)
        timings.lap("encode")
        runnable = [e.arrays for e in encoded if isinstance(e, Encoded)]
        explain = any(question.explain for question in questions)
        outputs = iter(self._run_in_groups(runnable, explain))
        timings.lap("infer")
        return [
            Answered(self.decode(item, next(outputs), question.top_k, question.explain), timings)
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
        for group in groups([self._size(item) for item in items]):
            outputs |= zip(group, self.run([items[place] for place in group], explain), strict=True)
        return [outputs[place] for place in range(len(items))]

"""The task `classify`: scores of one item → ranked labels, their reliability and explanation.

Models that `training` exports give probabilities. Packed models may give logits, to which this
module applies softmax with the manifest's temperature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import isfinite
from operator import or_
from typing import Any, ClassVar

import numpy as np
import orjson
from pydantic import Field, create_model

from app.bundle import GoldenCase, Manifest, Registry
from app.bundle.tensors import NODES, NOVELTY, PROBABILITIES, SALIENCY, Arrays, size_of
from app.errors import ModelOutputInvalid
from app.modalities import Encoded, Modality
from app.tasks.answer_tensor import TEXT_DTYPE, AnswerTensor, graph_output
from app.tasks.reliability import reliability, reliability_tensors
from app.tasks.task import Decode, Options, Task, furthest
from app.wire import Wire

PUBLISHED = 5  # probabilities in a golden case
ALL = 1000  # the largest number of labels in an answer


class ClassifyOptions(Options):
    """The options of a classification."""

    task: ClassVar[str] = "classify"

    top_k: int = Field(default=5, ge=1, le=ALL, description="How many labels to rank")
    explain: bool = Field(
        default=False,
        description="Add what led to the label: of a tree every phrase, of a text a weight for "
        "every token, of an image or a sound a map. A model without explanations leaves it out",
    )

    @property
    def explains(self) -> bool:
        """Whether the graph must compute the outputs that only explanations need."""
        return self.explain


class Candidate(Wire):
    """One label and its probability."""

    label: str
    probability: float


class ClassifiedItem(Wire):
    """The answer to one item.

    `prediction_set` holds the labels that are credible at the model's coverage (its facts give
    it), perhaps none; `novelty` is how unlike the training data the item is, 0 to 1; `abstained`
    is true when the set is empty or holds every label, or when novelty is above the model's
    threshold. A model without these thresholds leaves the three out. A model with a threshold of
    confidence abstains below it too, and `abstained_because` names the rules that applied:
    `confidence`, `prediction_set`, `novelty`.
    """

    label: str
    probability: float
    top: list[Candidate]
    prediction_set: list[str] | None = None
    novelty: float | None = None
    abstained: bool | None = None
    abstained_because: list[str] | None = None
    truncated: str | None = None


class GoldenClasses(GoldenCase):
    """Labels and their probabilities, and the novelty where the model has one."""

    probabilities: dict[str, float] = Field(min_length=1)
    novelty: float | None = Field(default=None, ge=0, le=1)

    def contradiction(self, manifest: Manifest) -> str | None:
        """Return an error if the answer has a label that the manifest does not have."""
        known = set(self.probabilities) <= set(manifest.labels)
        return None if known else f"{self.file} answers with an unknown label"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The most probable label, and the `top` ones with their probabilities, best first.

    explanation: of the modality's type, if the client wants one. prediction_set, novelty,
    abstained and abstained_because (see `app.tasks.reliability`) are None if the model has no
    threshold for them.
    """

    label: str
    probability: float
    top: tuple[tuple[str, float], ...]
    truncated: str | None = None
    explanation: Any = None
    prediction_set: tuple[str, ...] | None = None
    novelty: float | None = None
    abstained: bool | None = None
    abstained_because: tuple[str, ...] | None = None


def probabilities(manifest: Manifest, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return one probability per label, float32 (labels,), from one item's outputs.

    Raises `ModelOutputInvalid` unless the graph gives a finite number for every label.
    """
    scores = outputs[manifest.outputs[0].name].reshape(-1).astype(np.float32, copy=False)
    if scores.size != len(manifest.labels) or not isfinite(np.add.reduce(scores)):
        raise ModelOutputInvalid(
            f"{manifest.name}: the graph does not give a number for every label"
        )
    if manifest.scores == "probabilities":
        return scores
    shifted = np.exp((scores - scores.max()) / np.float32(manifest.temperature))
    return np.asarray(shifted / shifted.sum(), dtype=np.float32)


def rank_labels(
    scores: np.ndarray, labels: Sequence[str], top_k: int
) -> tuple[tuple[str, float], ...]:
    """Return the labels by probability, the highest first; ties keep the order of the labels."""
    ranked = (-scores).argsort(kind="stable")[:top_k]
    return tuple(zip([labels[i] for i in ranked.tolist()], scores[ranked].tolist(), strict=True))


def _decoder(manifest: Manifest, modality: Modality) -> Decode:
    labels, explain = manifest.labels, modality.explain

    def decode(encoded: Encoded[Any], outputs: Arrays, options: ClassifyOptions) -> Prediction:
        scores = probabilities(manifest, outputs)
        top = rank_labels(scores, labels, options.top_k)
        known = reliability(manifest, scores, outputs)
        explanation = explain(manifest, encoded, outputs) if options.explain else None
        label, probability = top[0]
        return Prediction(label, probability, top, encoded.truncated, explanation, *known)

    return decode


def _item(answer: Prediction) -> dict[str, Any]:
    body: dict[str, Any] = {
        "label": answer.label,
        "probability": answer.probability,
        "top": [{"label": label, "probability": p} for label, p in answer.top],
    }
    if answer.prediction_set is not None:
        body["prediction_set"] = answer.prediction_set
    if answer.novelty is not None:
        body["novelty"] = answer.novelty
    if answer.abstained is not None:
        body["abstained"] = answer.abstained
    if answer.abstained_because is not None:
        body["abstained_because"] = answer.abstained_because
    if answer.truncated:
        body["truncated"] = answer.truncated
    if answer.explanation is not None:
        body["explanation"] = _written(answer.explanation)
    return body


def _written(explanation: Any) -> Any:
    if isinstance(explanation, Wire):
        return explanation.model_dump(exclude_unset=True)
    return explanation  # dataclasses, as texts have hundreds of tokens: orjson writes them


def _answer_type(registry: Registry) -> Any:
    kinds = {str(m.explanation): m.explanation for m in registry.modalities.values()}
    kinds.pop("None", None)
    if not kinds:
        return ClassifiedItem
    explanation = reduce(or_, kinds.values()) | None
    return create_model(
        "ClassifiedItem",
        __base__=ClassifiedItem,
        __doc__=ClassifiedItem.__doc__,
        explanation=(explanation, None),
    )


def _check(manifest: Manifest) -> None:
    if len(manifest.labels) < 2:
        raise ValueError("a classifier has two labels or more")


def _abstained(answers: Sequence[Prediction]) -> int | None:
    if answers[0].abstained is None:
        return None
    return sum(answer.abstained is True for answer in answers)


def _golden_case(answer: Prediction, about: Mapping[str, str]) -> GoldenClasses:
    published = dict(answer.top[:PUBLISHED])
    return GoldenClasses(**about, probabilities=published, novelty=answer.novelty)


def _difference(case: GoldenClasses, answer: Prediction, tolerance: float) -> str | None:
    published = {repr(label): number for label, number in case.probabilities.items()}
    actual = {repr(label): number for label, number in answer.top}
    if case.novelty is not None and answer.novelty is not None:
        published["novelty"], actual["novelty"] = case.novelty, answer.novelty
    return furthest(published, actual, tolerance)


def _example(manifest: Manifest, case: GoldenCase) -> dict[str, Any] | None:
    if not isinstance(case, GoldenClasses):
        return None
    published = case.probabilities
    scores = np.asarray([published.get(label, 0.0) for label in manifest.labels], np.float32)
    known = reliability(manifest, scores, {NOVELTY: np.asarray(case.novelty or 0.0)})
    top = tuple(published.items())
    return _item(Prediction(*top[0], top, **known._asdict()))


def _tensors(manifest: Manifest, modality: Modality, _encoder: Any) -> list[AnswerTensor]:
    """Return what JSON has, but the ranking, in place of which stands the whole distribution."""
    labels, count = manifest.labels, len(manifest.labels)

    def scores(_encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        return probabilities(manifest, outputs)

    def label(_encoded: Encoded[Any], outputs: Arrays) -> bytes:
        return labels[int(probabilities(manifest, outputs).argmax())].encode()

    found = [
        AnswerTensor("label", TEXT_DTYPE, (), label),
        AnswerTensor(PROBABILITIES, "float32", (count,), scores, labels),
        *reliability_tensors(manifest, probabilities),
    ]
    names = manifest.output_names
    if modality.explanation is not None and names & {SALIENCY, NODES}:

        def explanation(encoded: Encoded[Any], outputs: Arrays) -> bytes:
            probabilities(manifest, outputs)  # raises if there is no answer to explain
            return orjson.dumps(_written(modality.explain(manifest, encoded, outputs)))

        found += [AnswerTensor("explanation", TEXT_DTYPE, (), explanation, (), True, True)]
    if SALIENCY in names and size_of(manifest.inputs) is None:  # no part of it is padding
        found += [graph_output(manifest, SALIENCY, on_request=True)]
    return found


CLASSIFY = Task(
    name="classify",
    about="Classify each item",
    plural="predictions",
    options=ClassifyOptions,
    decoder=_decoder,
    item=_item,
    golden=GoldenClasses,
    golden_options=ClassifyOptions.model_construct(top_k=1 << 30),  # all labels
    golden_case=_golden_case,
    top_answer=lambda answer: (answer.label, answer.probability),
    difference=_difference,
    check=_check,
    answer_type=_answer_type,
    abstained=_abstained,
    example=_example,
    tensors=_tensors,
)

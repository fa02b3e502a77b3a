"""Answers in the form that Hugging Face's clients read: labels with scores, lists of features."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from app.api.dialects.reading import refuse_other, refuse_other_size
from app.errors import InvalidInput
from app.serving.model import ServedModel
from app.tasks import Task
from app.tasks.classify import Prediction
from app.tasks.embed import Features
from app.wire import Wire

TEI_ERROR = {
    "type": "object",
    "required": ["error", "error_type", "request_id"],
    "properties": {
        "error": {"type": "string"},
        "error_type": {"enum": ["Validation", "Overloaded", "Backend"]},
        "request_id": {"type": "string"},
    },
}
_PROMPT = "the model has no prompts; put what it should read into inputs"
_SIDE = "the model's own rule says which part of a long input is left out"


class LabelScore(Wire):
    """A label and its probability."""

    label: str
    score: float


def label_scores(answer: Prediction) -> list[dict[str, Any]]:
    """Return the labels of an answer, best first."""
    return [{"label": label, "score": score} for label, score in answer.top]


def shown_scores(example: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the labels of an example of `classify`, best first."""
    return [{"label": each["label"], "score": each["probability"]} for each in example["top"]]


def inputs_for(task: Task) -> Callable[[ServedModel, str], dict[str, Any] | None]:
    """Return what writes the request of a text; None for a model that cannot do the task."""
    return lambda model, text: {"inputs": text} if model.pipeline.can(task.name) else None


def shaped_features(
    answers: Sequence[Features], asked: Mapping[str, Any], unit_length: bool
) -> list[Any]:
    """Return the features of each item as its request wants them; raise `InvalidInput`.

    asked: may have `normalize` and `dimensions`. unit_length: whether they are divided by their
    length where it has no `normalize`; features that are all zero stay so.
    """
    refuse_other_size(asked, len(answers[0]))
    if not read_flag(asked, "normalize", unit_length):
        return list(answers)
    rows = np.asarray(answers, np.float64)  # whose squares are in its range
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: list[Any] = np.divide(rows, lengths, out=rows, where=lengths > 0).tolist()
    return unit


def refuse_other_embeddings(asked: Mapping[str, Any]) -> None:
    """Raise `InvalidInput` for a member that would change the features and is not taken."""
    refuse_other(asked, "prompt_name", (), _PROMPT)
    refuse_other(asked, "truncation_direction", ("right", "Right"), _SIDE)
    refuse_other(asked, "encoding_format", ("float",), "expected float")
    read_flag(asked, "normalize", False)


def read_flag(asked: Mapping[str, Any], name: str, default: bool) -> bool:
    """Return a member that is true or false; raise `InvalidInput`."""
    value = asked.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidInput(f"{name}: expected true or false")
    return value

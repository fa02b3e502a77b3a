"""The answers of the service, by the names of its OpenAPI document.

Members that a newer service adds are kept (`model_extra`) and refuse nothing.
"""

import base64
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """A JSON object of the service."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class Candidate(Answer):
    """One label and its probability."""

    label: str
    probability: float


class SaliencyMap(Answer):
    """What each cell of a grid over a picture or a sound contributes to the label, 0 to 1.

    weights: rows from the top, or bands of a sound from the lowest; `hertz` and `seconds` are their
    edges and those of the frames. box: the part of a picture that the grid covers, as fractions of
    its width and height: left, top, right, bottom.
    """

    weights: list[list[float]]
    hertz: list[float] | None = None
    seconds: list[float] | None = None
    box: tuple[float, float, float, float] | None = None


class TokenWeight(Answer):
    """A token, and its contribution to the label, 0 to 1.

    start, end: characters of the text that was sent; None for tokens that are not in it.
    """

    text: str
    weight: float
    start: int | None
    end: int | None


class Phrase(Answer):
    """A phrase of a tree, its own label, and the probability of that label.

    parent: the place of the smallest phrase around it; None for the whole tree.
    """

    text: str
    label: str
    probability: float
    parent: int | None


class ClassifiedItem(Answer):
    """The answer to one item; what a model does not have is None.

    top: the most probable labels, the best first. prediction_set: the labels that are credible at
    the model's coverage. novelty: how unlike the training data the item is, 0 to 1. abstained:
    whether the model had better not be trusted here, and `abstained_because` why.
    """

    label: str
    probability: float
    top: list[Candidate]
    prediction_set: list[str] | None = None
    novelty: float | None = None
    abstained: bool | None = None
    abstained_because: list[str] | None = None
    truncated: str | None = None
    explanation: SaliencyMap | list[TokenWeight] | list[Phrase] | None = None


class Versioned(Answer):
    """An answer, and the model and version that gave it."""

    model: str
    version: int


class ClassifyResponse(Versioned):
    """The predictions, in the order of the items."""

    predictions: list[ClassifiedItem]


class EmbedResponse(Versioned):
    """The features of each item, in the order of the items."""

    embeddings: list[list[float]]


class Picture(Answer):
    """An image file, in base64."""

    b64: str
    media_type: str

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return base64.b64decode(self.b64)


class ReconstructedItem(Answer):
    """The reconstruction of an item, its error, and the item's novelty, 0 to 1."""

    reconstruction_error: float
    novelty: float
    reconstruction: Picture


class ReconstructResponse(Versioned):
    """The reconstructions, in the order of the items."""

    reconstructions: list[ReconstructedItem]


class LikelyWord(Answer):
    """A word or mark that may come next."""

    word: str
    probability: float


class ChosenWord(LikelyWord):
    """A word of a completion, and `text`, which it adds to the completion."""

    text: str
    alternatives: list[LikelyWord] | None = None


class CompletionSummary(Versioned):
    """The continuation of a text; `finish_reason` says why it ended."""

    text: str
    finish_reason: Literal["length", "sentence"]
    seed: int | None = None
    truncated: str | None = None


class CompletionResponse(CompletionSummary):
    """The continuation of a text, and its words."""

    words: list[ChosenWord]


class HeldBack(Answer):
    """A version that does not serve, and why."""

    version: int
    reason: str | None = None


class ServingState(Answer):
    """Which version of a model answers where a request names none, and by which rule."""

    version: int | None = None
    since: datetime | None = None
    policy: str | None = None
    pinned: int | None = None
    keep: int | None = None
    held: list[HeldBack] = []
    changed: datetime | None = None
    problem: str | None = None


class Version(Answer):
    """A published version: its state, and the facts of its manifest."""

    version: int
    state: str
    reason: str | None = None
    degraded: bool | None = None
    provider: str | None = None
    facts: dict[str, Any] | None = None


class Model(Answer):
    """A published model."""

    name: str
    modality: str | None = None
    task: str | None = None
    description: str | None = None
    serving: ServingState
    versions: list[Version]


class ModelObject(Answer):
    """A model in the form of OpenAI's API; `created` is in seconds since 1970."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["thalamus"] = "thalamus"


class DescribedModel(Model, ModelObject):
    """A published model, and whether a version of it serves."""

    ready: bool


class Models(Answer):
    """All published models, and those that serve in the form of OpenAI's API."""

    models: list[Model]
    object: Literal["list"] = "list"
    data: list[ModelObject]


class Ready(Answer):
    """Whether the service answers, and the state of each version, by `NAME/VERSION`."""

    status: Literal["ready", "not ready"]
    models: dict[str, str]

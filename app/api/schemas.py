"""The wire: what the service answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.outputs import Prediction
from app.pipeline import Word
from app.serving.catalog import Entry, describe


class Wire(BaseModel):
    """A JSON object of the API."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(Wire):
    """One label and its probability."""

    label: str
    probability: float


class Part(Wire):
    """A part of a tree, and what it is called by itself."""

    text: str
    label: str
    probability: float


class Answer(Wire):
    """The answer to one item."""

    label: str
    probability: float
    top: list[Candidate]
    truncated: str | None = None
    explanation: list[Part] | None = None


class Classification(Wire):
    """The answers to a request, in the order of its items."""

    model: str
    version: int
    predictions: list[Answer]


class Completion(Wire):
    """A text to go on from, and how."""

    text: str
    max_words: int = Field(default=20, ge=1, le=500, description="Words and marks at most")
    temperature: float = Field(default=0, ge=0, le=5, description="0: always the likeliest word")
    seed: int | None = Field(default=None, ge=0, le=2**53, description="The same draws the same")
    alternatives: int = Field(default=0, ge=0, le=50, description="Likeliest words told with each")
    sentence: bool = Field(default=False, description="End where the sentence does")


class LikelyWord(Wire):
    """A word, or a mark, that may come next."""

    word: str
    probability: float


class ChosenWord(LikelyWord):
    """A word of a continuation, and `text`, which it adds to it."""

    text: str
    alternatives: list[LikelyWord] | None = None


class Continued(Wire):
    """What a text was gone on with; `finished` says why it ended."""

    model: str
    version: int
    text: str
    words: list[ChosenWord]
    finished: Literal["length", "sentence"]
    seed: int | None = None
    truncated: str | None = None


class Version(Wire):
    """One published version: what became of it, and what its manifest says."""

    version: int
    state: str
    reason: str | None = None
    provider: str | None = None
    facts: dict[str, Any] | None = None


class Model(Wire):
    """A published model."""

    name: str
    modality: str | None
    task: str | None
    versions: list[Version]


class Models(Wire):
    """The catalog."""

    models: list[Model]


class Problem(Wire):
    """An error, as RFC 9457 lays it out."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    index: int | None = None


def answer(prediction: Prediction) -> dict[str, Any]:
    """Render one prediction as an `Answer`."""
    body: dict[str, Any] = {
        "label": prediction.label,
        "probability": prediction.probability,
        "top": [{"label": label, "probability": p} for label, p in prediction.top],
    }
    if prediction.truncated:
        body["truncated"] = prediction.truncated
    if prediction.explanation is not None:
        body["explanation"] = [
            {"text": part.text, "label": part.label, "probability": part.probability}
            for part in prediction.explanation
        ]
    return body


def word(chosen: Word) -> dict[str, Any]:
    """Render one word as a `ChosenWord`."""
    body: dict[str, Any] = {
        "word": chosen.word,
        "text": chosen.text,
        "probability": chosen.probability,
    }
    if chosen.alternatives:
        body["alternatives"] = [{"word": w, "probability": p} for w, p in chosen.alternatives]
    return body


def model(entries: list[Entry], *, facts: bool) -> Model:
    """Render the versions of one model; `facts` adds what their manifests say."""
    known = [entry.model.manifest for entry in entries if entry.model]
    return Model(
        name=entries[0].name,
        modality=known[-1].modality if known else None,
        task=known[-1].task if known else None,
        versions=[
            Version(
                version=entry.version,
                state=entry.state,
                reason=entry.reason,
                provider=entry.model.pipeline.provider if entry.model else None,
                facts=describe(entry.model.manifest) if entry.model and facts else None,
            )
            for entry in entries
        ],
    )

"""The wire: what the service answers."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from app.outputs import Prediction
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


class Embeddings(Wire):
    """The features of each item, in the order of the items."""

    model: str
    version: int
    embeddings: list[list[float]]


class Picture(Wire):
    """An image file."""

    b64: str
    media_type: str


class Rebuilt(Wire):
    """An item as the network sees it: how far off that is, and how unlike its data the item is."""

    reconstruction_error: float
    novelty: float
    reconstruction: Picture


class Reconstructions(Wire):
    """The answers of an autoencoder, in the order of the items."""

    model: str
    version: int
    reconstructions: list[Rebuilt]


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

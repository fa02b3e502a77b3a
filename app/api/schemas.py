"""The wire: what the service answers."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.outputs import HeatMap, Phrase, Prediction, Token
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


class TextToken(Wire):
    """A piece of a text as the model reads it, and how much it spoke for the label, 0 to 1.

    A text is cleaned before it is read. `start` and `end` (excluded) count characters of the text
    that was sent, from 0; they are null for pieces that are not in it, such as marks for markup.
    """

    text: str
    weight: float
    start: int | None
    end: int | None


class Map(Wire):
    """How much each cell of an even grid over what the model was shown spoke for the label, 0 to 1.

    `weights` are rows from the top, each from the left. Of sounds they are bands from the lowest,
    each from the first frame; `hertz` and `seconds` are the edges of bands and frames, one more
    than there are. Seconds count from the beginning of the sound that was sent. A model that
    crops a picture is shown the crop, see its encoder under `GET /v1/models/{model}`.
    """

    weights: list[list[float]]
    hertz: list[float] | None = None
    seconds: list[float] | None = None


class Answer(Wire):
    """The answer to one item.

    `set` holds the labels that are credible at the model's coverage (its facts say which), perhaps
    none; `novelty` is how unlike the training data the item is, 0 to 1; `abstained` says that
    either speaks against relying on the label. A model that cannot say them leaves them out.
    """

    label: str
    probability: float
    top: list[Candidate]
    truncated: str | None = None
    set: list[str] | None = None
    novelty: float | None = None
    abstained: bool | None = None
    explanation: list[Part] | list[TextToken] | Map | None = Field(
        default=None,
        description="What led to the label, where it was asked for and the model tells it: of a "
        "tree its every phrase, of a text a weight for every token, of a picture or sound a map",
    )


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
    if prediction.set is not None:
        body["set"] = prediction.set
    if prediction.novelty is not None:
        body["novelty"] = prediction.novelty
    if prediction.abstained is not None:
        body["abstained"] = prediction.abstained
    if prediction.truncated:
        body["truncated"] = prediction.truncated
    if prediction.explanation is not None:
        body["explanation"] = _explanation(prediction.explanation)
    return body


def _explanation(told: tuple[Phrase, ...] | tuple[Token, ...] | HeatMap) -> Any:
    if isinstance(told, HeatMap):
        grid = {"weights": told.weights, "hertz": told.hertz, "seconds": told.seconds}
        return {name: value for name, value in grid.items() if value is not None}
    return [
        {"text": part.text, "label": part.label, "probability": part.probability}
        if isinstance(part, Phrase)
        else {
            "text": part.piece.text,
            "weight": part.weight,
            "start": part.piece.start,
            "end": part.piece.end,
        }
        for part in told
    ]


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

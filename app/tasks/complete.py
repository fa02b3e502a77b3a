"""The task `complete`: continue a text word by word with a language model."""

import secrets
from collections.abc import Mapping
from math import isfinite
from typing import Any, ClassVar, Literal

import numpy as np
import orjson
from pydantic import Field, ValidationError

from app.bundle import GoldenCase, Manifest
from app.bundle.tensors import LOG_PROBABILITIES, NEXT_STATE, Arrays, Frozen
from app.errors import InvalidInput, MalformedRequest, ModelOutputInvalid, TooLarge
from app.modalities import Encoded, Encoder, Modality, Payload
from app.modalities.words.encoder import WordsEncoder
from app.names import unknown_name
from app.tasks.answer_tensor import AnswerTensor, graph_output
from app.tasks.generation import NextWord, SamplingParams, TextGeneration, Word
from app.tasks.task import Decode, Options, Steps, Task, check_without_labels
from app.wire import Wire

LONGEST_TEXT = 65_536  # characters
_LONGEST_BODY = 12 * LONGEST_TEXT + 4096  # bytes, if every character is escaped
GOLDEN_PARAMS = SamplingParams(max_words=8, alternatives=5)


class CompleteOptions(Options):
    """A completion has no options in the query; they are in the body."""

    task: ClassVar[str] = "complete"


class CompletionRequest(Wire):
    """A text to continue, and the options of the continuation."""

    text: str
    max_words: int = Field(default=20, ge=1, le=500, description="Words and marks at most")
    temperature: float = Field(
        default=0, ge=0, le=5, description="0 takes the likeliest word, above 0 samples"
    )
    seed: int | None = Field(
        default=None,
        ge=0,
        le=2**53,
        description="Seed of the sampling; equal seeds give equal completions",
    )
    alternatives: int = Field(
        default=0, ge=0, le=50, description="How many likeliest words to add to each word"
    )
    stop_at_sentence_end: bool = Field(default=False, description="Stop where the sentence ends")


class LikelyWord(Wire):
    """A word or mark that may come next."""

    word: str
    probability: float


class ChosenWord(LikelyWord):
    """A word of a completion, and `text`, which it adds to the completion."""

    text: str
    alternatives: list[LikelyWord] | None = None


class CompletionSummary(Wire):
    """The continuation of a text; `finish_reason` says why it ended."""

    model: str
    version: int
    text: str
    finish_reason: Literal["length", "sentence"]
    seed: int | None = None
    truncated: str | None = None


class CompletionResponse(CompletionSummary):
    """The continuation of a text, and its words."""

    words: list[ChosenWord]


class GoldenWord(Frozen):
    """A word or mark of a completion, and its probability."""

    word: str
    probability: float = Field(ge=0, le=1)


class GoldenCompletion(GoldenCase):
    """The most likely completion, word by word."""

    words: tuple[GoldenWord, ...] = Field(min_length=1)


def start_generation(encoder: Encoder, payload: Payload, params: SamplingParams) -> TextGeneration:
    """Return the generation that continues a text; raise `InvalidInput` for an empty text."""
    assert isinstance(encoder, WordsEncoder)
    if not payload.data.strip():
        raise InvalidInput(
            "expected some text to continue, got none (or only white space); send its start"
        )
    return TextGeneration(payload, params, encoder.vocabulary)


def _start(encoder: Encoder, request: CompletionRequest) -> TextGeneration:
    seed = secrets.randbits(32) if request.seed is None else request.seed
    params = SamplingParams(
        request.max_words,
        request.temperature,
        seed,
        request.alternatives,
        request.stop_at_sentence_end,
    )
    return start_generation(encoder, Payload(request.text.encode(), "text/plain"), params)


def _parse(body: bytes) -> CompletionRequest:
    """Return the request in a body; raise `TooLarge`, `MalformedRequest` or `InvalidInput`."""
    too_large = TooLarge(f"expected a text of at most {LONGEST_TEXT} characters, got more")
    if len(body) > _LONGEST_BODY:
        raise too_large
    try:
        request = CompletionRequest.model_validate(orjson.loads(body), strict=True)
    except orjson.JSONDecodeError:
        raise MalformedRequest('expected JSON such as {"text": "We the people"}') from None
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            given, known = str(first["loc"][-1]), CompletionRequest.model_fields
            raise InvalidInput(unknown_name("member", given, known)) from None
        raise InvalidInput(": ".join([*map(str, first["loc"]), first["msg"]])) from None
    if len(request.text) > LONGEST_TEXT:
        raise too_large
    return request


def _step(word: Word) -> dict[str, Any]:
    body: dict[str, Any] = {
        "word": word.word,
        "text": word.text,
        "probability": word.probability,
    }
    if word.alternatives:
        body["alternatives"] = [{"word": w, "probability": p} for w, p in word.alternatives]
    return body


def _summary(generation: TextGeneration) -> dict[str, Any]:
    body: dict[str, Any] = {"text": generation.text, "finish_reason": generation.finish_reason}
    if generation.params.temperature:
        body["seed"] = generation.params.seed
    if generation.truncated:
        body["truncated"] = generation.truncated
    return body


def _whole(generation: TextGeneration) -> dict[str, Any]:
    return {**_summary(generation), "words": [_step(word) for word in generation.words]}


def _decoder(_manifest: Manifest, _modality: Modality) -> Decode:
    def decode(encoded: Encoded[Any], outputs: Arrays, _options: CompleteOptions) -> NextWord:
        log_probabilities, state = outputs[LOG_PROBABILITIES], outputs[NEXT_STATE]
        # A word may be impossible (-inf), but not all of them; the maximum of NaN is NaN.
        if not (isfinite(log_probabilities.max()) and np.isfinite(state).all()):
            raise ModelOutputInvalid("the graph gives no number for every word")
        return NextWord(log_probabilities, state, encoded.truncated)

    return decode


def _golden_case(answer: TextGeneration, about: Mapping[str, str]) -> GoldenCompletion:
    words = [GoldenWord(word=w.word, probability=w.probability) for w in answer.words]
    return GoldenCompletion(**about, words=tuple(words))


def _difference(case: GoldenCompletion, answer: TextGeneration, tolerance: float) -> str | None:
    """Return a sentence on the first word that differs; None if there is none.

    The comparison ends at another word whose probability is the same within the tolerance.
    """
    for place, (published, actual) in enumerate(zip(case.words, answer.words, strict=True), 1):
        probability = dict(actual.alternatives).get(published.word, 0.0)
        if abs(probability - published.probability) > tolerance:
            return (
                f"word {place}, {published.word!r}, was published with "
                f"{published.probability:.4f}, here it is {probability:.4f}"
            )
        if actual.word != published.word:
            return None
    return None


def _tensors(manifest: Manifest, modality: Modality, encoder: Any) -> list[AnswerTensor]:
    """Return the outputs of one step; the next one takes `next_state` and the word that follows."""
    decode, options = _decoder(manifest, modality), CompleteOptions()

    def likely(encoded: Encoded[Any], outputs: Arrays) -> np.ndarray:
        return np.asarray(decode(encoded, outputs, options).log_probabilities)

    words: dict[str, Any] = {"read": likely, "labels": encoder.vocabulary}
    return [
        graph_output(manifest, LOG_PROBABILITIES, **words),
        graph_output(manifest, NEXT_STATE),
    ]


COMPLETE = Task(
    name="complete",
    about="Continue a text",
    plural="completions",
    options=CompleteOptions,
    decoder=_decoder,
    item=_whole,
    golden=GoldenCompletion,
    golden_options=CompleteOptions(),
    golden_case=_golden_case,
    top_answer=lambda answer: (answer.words[0].word, answer.words[0].probability),
    difference=_difference,
    outputs=frozenset({LOG_PROBABILITIES, NEXT_STATE}),
    check=check_without_labels,
    steps=Steps(
        request=CompletionRequest,
        parse=_parse,
        start=_start,
        step=_step,
        summary=_summary,
        whole=_whole,
        event="word",
        step_type=ChosenWord,
        summary_type=CompletionSummary,
        response=CompletionResponse,
        golden=lambda encoder, payload: start_generation(encoder, payload, GOLDEN_PARAMS),
    ),
    tensors=_tensors,
)

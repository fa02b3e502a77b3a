"""Going on from a text word by word, whoever runs the model.

A `Continuation` says what to ask the model next, and chooses from the answer; the service awaits
each step in its batcher, `complete` runs them here. `<unk>` and `<end>` are never written: their
share of the probability goes to the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.text.encoder import decode_text
from app.modalities.words.encoder import WordsEncoder, continued
from app.modalities.words.tokenizer import SENTENCE_ENDS, Writer
from app.outputs import Step
from app.pipeline.item import NextWord
from app.pipeline.pipeline import Pipeline

_UNWRITTEN = 2  # ids: of `<unk>` and `<end>`
Finished = Literal["length", "sentence"]  # as many words as were wanted; the sentence is whole


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go on.

    With `temperature` 0 the likeliest word is taken, above it words are drawn: p ** (1 / T),
    normalised; the same `seed` draws the same words. `alternatives` likeliest words are told with
    each word. With `sentence` it ends where the sentence does.
    """

    max_words: int = 20
    temperature: float = 0.0
    seed: int = 0
    alternatives: int = 0
    sentence: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word or mark, its probability before any temperature, and `text`, which it adds."""

    word: str
    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]


class Continuation:
    """One text and what is added to it. `payload` is what to ask the model next."""

    def __init__(self, payload: Payload, manner: Manner, vocabulary: Sequence[str]) -> None:
        self.payload = payload
        self.finished: Finished | None = None
        self.truncated: str | None = None
        self.words: list[Word] = []
        self._manner, self._vocabulary = manner, vocabulary
        self._writer = Writer(decode_text(payload))
        self._random = np.random.default_rng(manner.seed)

    @property
    def text(self) -> str:
        """What was added to the text by now."""
        return "".join(word.text for word in self.words)

    def take(self, step: Step) -> Word:
        """Choose the next word by the model's answer to `payload`."""
        logits = step.log_probabilities[_UNWRITTEN:].astype(np.float64)
        probabilities = _softmax(logits)
        place = self._choose(logits)
        word = Word(
            self._vocabulary[_UNWRITTEN + place],
            self._writer.write(self._vocabulary[_UNWRITTEN + place]),
            float(probabilities[place]),
            self._alternatives(probabilities),
        )
        self.truncated = self.truncated or step.truncated
        self.words.append(word)
        if self._manner.sentence and word.word in SENTENCE_ENDS:
            self.finished = "sentence"
        elif len(self.words) >= self._manner.max_words:
            self.finished = "length"
        self.payload = continued(_UNWRITTEN + place, step.state)
        return word

    def _choose(self, logits: np.ndarray) -> int:
        if self._manner.temperature == 0:
            return int(logits.argmax())
        total = _softmax(logits / self._manner.temperature).cumsum()
        drawn = self._random.random() * total[-1]
        return min(int(np.searchsorted(total, drawn, side="right")), len(logits) - 1)

    def _alternatives(self, probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
        count = min(self._manner.alternatives, len(probabilities))
        if not count:
            return ()
        places = np.argpartition(-probabilities, count - 1)[:count]
        ranked = places[np.lexsort((places, -probabilities[places]))].tolist()
        return tuple(
            (self._vocabulary[_UNWRITTEN + place], float(probabilities[place])) for place in ranked
        )


def begin(pipeline: Pipeline, payload: Payload, manner: Manner) -> Continuation:
    """Return the continuation of a text; raise `UnsupportedTask`, or `InvalidInput` for no text."""
    pipeline.decoder(NextWord)
    assert isinstance(pipeline.encoder, WordsEncoder)
    if not payload.data.strip():
        raise InvalidInput("expected some text to go on from, got none (or only white space)")
    return Continuation(payload, manner, pipeline.encoder.vocabulary)


def complete(pipeline: Pipeline, continuations: Sequence[Continuation]) -> None:
    """Go on with all of them together, in batches, until each is finished."""
    while going := [each for each in continuations if each.finished is None]:
        steps = pipeline.predict([each.payload for each in going], NextWord())
        for each, step in zip(going, steps, strict=True):
            each.take(step)


def stream(pipeline: Pipeline, continuation: Continuation) -> Iterator[Word]:
    """Go on with one, word by word."""
    while continuation.finished is None:
        yield continuation.take(pipeline.predict([continuation.payload], NextWord())[0])


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max())
    shares: np.ndarray = exponents / exponents.sum()
    return shares

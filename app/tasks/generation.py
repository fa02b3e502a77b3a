"""The state of a text generation; other modules run the model.

A `TextGeneration` holds the next input of the model, and chooses a word from its output. It never
chooses `<unk>` or `<end>`: the other words share their probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.modalities import Payload
from app.modalities.charset import decode_text
from app.modalities.words.encoder import next_word
from app.modalities.words.tokenizer import SENTENCE_ENDS, Detokenizer

_UNWRITTEN = 2  # the number of ids before the first word: `<unk>` and `<end>`
FinishReason = Literal["length", "sentence"]  # the number of words; the end of a sentence


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How many words are chosen, and how.

    With `temperature` 0 the most likely word is chosen. Above 0 words are sampled from
    p ** (1 / T), normalised; equal seeds give equal words. Each word comes with the `alternatives`
    most likely words. With `stop_at_sentence_end` the generation ends with the sentence.
    """

    max_words: int = 20
    temperature: float = 0.0
    seed: int = 0
    alternatives: int = 0
    stop_at_sentence_end: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class NextWord:
    """The model's output after a word.

    log_probabilities: of every possible next word, float32 (vocabulary,). state: the input with
    that word, float32 (state,).
    """

    log_probabilities: np.ndarray
    state: np.ndarray
    truncated: str | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """A word or mark, its probability at temperature 1, and `text`, which it adds."""

    word: str
    text: str
    probability: float
    alternatives: tuple[tuple[str, float], ...]


class TextGeneration:
    """One text and its continuation. `payload` is the next input of the model."""

    def __init__(self, payload: Payload, params: SamplingParams, vocabulary: Sequence[str]) -> None:
        self.payload = payload
        self.params = params
        self.finish_reason: FinishReason | None = None
        self.truncated: str | None = None
        self.words: list[Word] = []
        self._vocabulary = vocabulary
        self._detokenizer = Detokenizer(decode_text(payload))
        self._random = np.random.default_rng(params.seed)

    @property
    def text(self) -> str:
        """The continuation so far."""
        return "".join(word.text for word in self.words)

    def append(self, answer: NextWord) -> Word:
        """Choose the next word from the model's output for `payload`."""
        logits = answer.log_probabilities[_UNWRITTEN:].astype(np.float64)
        probabilities = _softmax(logits)
        place = self._choose(logits)
        word = Word(
            self._vocabulary[_UNWRITTEN + place],
            self._detokenizer.write(self._vocabulary[_UNWRITTEN + place]),
            float(probabilities[place]),
            self._alternatives(probabilities),
        )
        self.truncated = self.truncated or answer.truncated
        self.words.append(word)
        if self.params.stop_at_sentence_end and word.word in SENTENCE_ENDS:
            self.finish_reason = "sentence"
        elif len(self.words) >= self.params.max_words:
            self.finish_reason = "length"
        self.payload = next_word(_UNWRITTEN + place, answer.state)
        return word

    def _choose(self, logits: np.ndarray) -> int:
        if self.params.temperature == 0:
            return int(logits.argmax())
        total = _softmax(logits / self.params.temperature).cumsum()
        drawn = self._random.random() * total[-1]
        return min(int(np.searchsorted(total, drawn, side="right")), len(logits) - 1)

    def _alternatives(self, probabilities: np.ndarray) -> tuple[tuple[str, float], ...]:
        count = min(self.params.alternatives, len(probabilities))
        if not count:
            return ()
        places = np.argpartition(-probabilities, count - 1)[:count]
        ranked = places[np.lexsort((places, -probabilities[places]))].tolist()
        return tuple(
            (self._vocabulary[_UNWRITTEN + place], float(probabilities[place])) for place in ranked
        )


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponents = np.exp(logits - logits.max())
    shares: np.ndarray = exponents / exponents.sum()
    return shares

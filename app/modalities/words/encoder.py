"""Prose → ids of words, for a model that predicts the next word.

A text starts with the state zero. A `LanguageState` is one further word, with the state after the
words before it. The same graph reads both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from app.bundle.tensors import Arrays
from app.errors import InvalidBundle, InvalidInput
from app.modalities.charset import decode_text
from app.modalities.payload import Encoded, Payload
from app.modalities.token_ids import check_token_ids
from app.modalities.words.spec import WordsSpec
from app.modalities.words.tokenizer import END, UNKNOWN, known_words, split_words

_LONGEST = 20  # mean length in characters of the words that are read

# Bytes of memory, each the worst that was found by trying.
_FIXED_BYTES = 2**17
_COPIES = 6  # of a byte of the payload: a character of four bytes, and the end of the text
_WORDS = 300  # of the words of a byte


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LanguageState(Payload):
    """The id of one further word, and the state, float32 (state,), after the words before it."""

    word: int
    state: np.ndarray


def next_word(word: int, state: np.ndarray) -> LanguageState:
    """Return the item that continues `state` with `word`."""
    return LanguageState(data=b"", media_type="text/plain", word=word, state=state)


class WordsEncoder:
    """Splits text into words and numbers them by the bundle's vocabulary."""

    media_types = "text/*"

    def __init__(self, spec: WordsSpec, files: Mapping[str, bytes]) -> None:
        self.spec = spec
        try:
            self.vocabulary = tuple(files[spec.vocabulary].decode().splitlines())
        except (KeyError, UnicodeDecodeError):
            raise InvalidBundle(f"{spec.vocabulary} is missing or not text") from None
        self._ids = {word: place for place, word in enumerate(self.vocabulary)}
        if len(self._ids) != len(self.vocabulary) or self.vocabulary[:2] != (UNKNOWN, END):
            raise InvalidBundle(f"{spec.vocabulary} repeats a word, or lacks {UNKNOWN} and {END}")

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `text/…` except trees."""
        return media_type.startswith("text/") and media_type != "text/x-tree"

    def take_tensors(self, arrays: Arrays) -> float:
        """Check tokens (batch, time) and lengths (batch,): see `Modality.take_tensors`."""
        check_token_ids(arrays["tokens"], arrays["length"], len(self.vocabulary))
        return _word_seconds(arrays["tokens"].shape[1])

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of words, which the network reads one after another."""
        return _word_seconds(min(len(payload.data) / 4, self.spec.max_words))

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the text's copies, of the words at its end, and of the state."""
        size, spec = len(payload.data), self.spec
        words = _WORDS * min(size, _LONGEST * spec.max_words)
        return _FIXED_BYTES + _COPIES * size + words + 4 * spec.state

    def encode(self, payload: Payload) -> Encoded[None]:
        """Return `{"tokens": (time,), "length": (), "state": (state,)}`, int64 and float32."""
        if isinstance(payload, LanguageState):
            return _encoded([payload.word], payload.state)
        ids, truncated = self._last_ids(decode_text(payload))
        return _encoded(ids, np.zeros(self.spec.state, dtype=np.float32), truncated)

    def ids(self, text: str) -> list[int]:
        """Return the ids of all words of a text, int64 (words,)."""
        return [self._ids[word] for word in known_words(split_words(text), self._ids)]

    def _last_ids(self, text: str) -> tuple[list[int], str | None]:
        """Return the ids of the last words, and what was left out, if anything was."""
        limit = self.spec.max_words
        kept = text[-_LONGEST * limit :]
        ids = self.ids(kept)
        if not ids:
            raise InvalidInput(
                "expected some text to continue, got none (or only white space); send its start"
            )
        if len(kept) == len(text) and len(ids) <= limit:
            return ids, None
        return ids[-limit:], f"only the last {min(limit, len(ids))} words of the text were read"


def _word_seconds(words: float) -> float:
    return 1e-4 + 1e-4 * words


def _encoded(ids: list[int], state: np.ndarray, truncated: str | None = None) -> Encoded[None]:
    tokens, length = np.asarray(ids, dtype=np.int64), np.asarray(len(ids), dtype=np.int64)
    return Encoded({"tokens": tokens, "length": length, "state": state}, truncated)

"""Texts as ids of words, from the start and from a state."""

import numpy as np
import pytest

from app.errors import InvalidBundle, InvalidInput
from app.modalities import Payload
from app.modalities.words.encoder import WordsEncoder, next_word
from app.modalities.words.spec import WordsSpec
from tests.fakes import PROSE

SPEC = WordsSpec(max_words=4, state=3)


def encoder(words=PROSE):
    return WordsEncoder(SPEC, {"vocabulary.txt": "".join(f"{w}\n" for w in words).encode()})


def encode(text):
    return encoder().encode(Payload(text.encode(), "text/plain"))


def test_words_are_numbered_by_the_vocabulary_and_the_state_is_zero():
    arrays = encode("The day, elsewhere").arrays
    assert arrays["tokens"].tolist() == [2, 3, 6, 0]
    assert arrays["length"] == 4
    assert arrays["state"].tolist() == [0, 0, 0]


def test_only_the_last_words_of_a_long_text_are_read():
    encoded = encode("we are glad and the day is good.")
    assert encoded.arrays["tokens"].tolist() == [3, 4, 5, 11]
    assert encoded.truncated == "only the last 4 words of the text were read"


def test_language_state_keeps_its_state():
    state = np.ones(3, dtype=np.float32)
    arrays = encoder().encode(next_word(5, state)).arrays
    assert arrays["tokens"].tolist() == [5]
    assert arrays["state"] is state


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b" * 0])
def test_blank_text_is_refused(text):
    with pytest.raises(InvalidInput, match="got none"):
        encode(text)


@pytest.mark.parametrize("words", [("the", "day"), (*PROSE, "day"), ()])
def test_invalid_vocabulary_is_refused(words):
    with pytest.raises(InvalidBundle):
        encoder(words)

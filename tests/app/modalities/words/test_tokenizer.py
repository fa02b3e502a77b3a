"""Splitting prose into words, and joining words to prose."""

import time

import pytest

from app.modalities.words.tokenizer import UNKNOWN, Detokenizer, known_words, split_words

RANKS = {
    word: place for place, word in enumerate(["the", "we", ".", "The", "May", "may", "States"])
}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("We've done it, Mr. Speaker.", ["We", "'ve", "done", "it", ",", "Mr.", "Speaker", "."]),
        ("the nation's self-government", ["the", "nation", "'s", "self", "-", "government"]),
        (
            "I don't -- can’t—pay $1,000.50",
            ["I", "don't", "--", "can't", "--", "pay", "$", "1,000.50"],
        ),
        ("the U.S. economy…", ["the", "U.S.", "economy", "..."]),
        ("“Yes,” she said", ['"', "Yes", ",", '"', "she", "said"]),
        ("café naïve", ["café", "naïve"]),
        (" \n\t", []),
    ],
)
def test_text_is_split_into_words_and_marks(text, words):
    assert split_words(text) == words


def test_sentence_start_becomes_lower_case_if_more_common():
    words = split_words('The May. "The States. May we')
    assert known_words(words, RANKS) == [
        "the", "May", ".", UNKNOWN, "the", "States", ".", "May", "we",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "The State of the Union (in 2010) is strong -- so we've said it.",
        'He said, "My fellow Americans, let us act." And we did; did we not?',
        "It costs $1,000,000: self-government, don't you think? America's 5% of it...",
    ],
)
def test_detokenizer_inverts_split_words(text):
    writer = Detokenizer("Before. ")
    assert "".join(writer.write(word) for word in split_words(text)) == text


@pytest.mark.parametrize(
    ("text", "word", "added"),
    [
        ("We are", "glad", " glad"),
        ("We are ", "glad", "glad"),
        ("We are", ",", ","),
        ("It is done.", "the", " The"),
        ('It is "', "good", "good"),
        ('It is "good', '"', '"'),
        ('"Done."', "we", " We"),
        ("self-", "government", "government"),
    ],
)
def test_detokenizer_continues_a_text(text, word, added):
    assert Detokenizer(text).write(word) == added


@pytest.mark.parametrize("piece", ["-", ".", "'", "A.", "1,", "a-", "\u0301", '"', "x"])
def test_tokenizer_time_is_linear(piece):
    def spent(count):
        start = time.process_time()
        split_words(piece * count)
        return time.process_time() - start

    spent(1000)
    assert spent(200_000) < 40 * max(spent(20_000), 0.005)

"""Tokenizers that are learnt from texts in any script."""

import pytest
from tokenizers import Tokenizer

from training.data.tokenizers import UNKNOWN_TOKEN, character_tokenizer, train_tokenizer

CHINESE = ["酒店很干净服务很好", "房间很脏服务很差", "酒店的房间很干净"] * 3


def unknown_share(tokenizer: Tokenizer, text: str) -> float:
    tokens = tokenizer.encode(text).tokens
    return tokens.count(UNKNOWN_TOKEN) / len(tokens)


@pytest.mark.parametrize("text", ["服务很干净", "酒店 房间 好"])
def test_a_script_without_spaces_is_read_by_its_characters(text: str) -> None:
    tokenizer = Tokenizer.from_buffer(train_tokenizer(CHINESE, 500, unspaced=True))
    assert tokenizer.encode(text).tokens == list(text.replace(" ", ""))


def test_a_long_clause_is_not_one_unknown_word() -> None:
    clause = "很干净服务" * 20  # longer than a word may be
    tokenizers = [train_tokenizer([*CHINESE, clause], 500, unspaced=u) for u in (False, True)]
    shares = [unknown_share(Tokenizer.from_buffer(data), clause) for data in tokenizers]
    assert shares == [1.0, 0.0]


def test_words_of_other_scripts_stay_whole() -> None:
    texts = ["guten Tag 酒店", "guten Morgen 酒店"] * 5
    tokenizer = Tokenizer.from_buffer(train_tokenizer(texts, 500, unspaced=True))
    assert tokenizer.encode("guten Tag 酒店").tokens == ["guten", "tag", "酒", "店"]


def test_rare_characters_are_known_where_the_alphabet_is_large() -> None:
    letters = [chr(0x4E00 + i) for i in range(2_000)]
    texts = ["".join(letters)] * 2
    shares = [
        unknown_share(
            Tokenizer.from_buffer(train_tokenizer(texts, 4_000, alphabet=most, unspaced=True)),
            texts[0],
        )
        for most in (1_500, 8_000)
    ]
    assert shares == [0.25, 0.0]


def test_characters_that_occur_twice_are_known() -> None:
    tokenizer = Tokenizer.from_buffer(character_tokenizer(["Aab b", "ü A"]))
    assert tokenizer.encode("A büa").tokens == ["A", " ", "b", UNKNOWN_TOKEN, UNKNOWN_TOKEN]


def test_equal_texts_give_equal_bytes() -> None:
    assert character_tokenizer(CHINESE) == character_tokenizer(reversed(CHINESE))

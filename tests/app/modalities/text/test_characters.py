"""Texts that are read as they are, and explanations whose tokens are characters."""

import unicodedata

import numpy as np
import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from app.modalities import Payload, encoder_for
from app.modalities.text.encoder import TextEncoder
from app.modalities.text.explanation import explain_text
from app.modalities.text.plain_text import MAX_CHARS, plain_text, verbatim
from app.modalities.text.spec import TextSpec
from tests import fakes

VERBATIM = TextSpec(max_tokens=50, cleaning="verbatim", unit="character")


def encoder_of(characters: str, spec: TextSpec = VERBATIM) -> TextEncoder:
    numbers = {token: i for i, token in enumerate(["<pad>", "<unk>", *characters])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    found = encoder_for(spec, {spec.tokenizer: tokenizer.to_str().encode()})
    assert isinstance(found, TextEncoder)
    return found


def test_benzene_is_not_cyclohexane() -> None:
    assert plain_text("c1ccccc1") == plain_text("C1CCCCC1")
    assert verbatim("c1ccccc1") != verbatim("C1CCCCC1")
    encoder = encoder_of("cC1")
    ring, chain = (encoder.encode(Payload(t, "text/plain")) for t in (b"c1ccccc1", b"C1CCCCC1"))
    assert ring.arrays["tokens"].tolist() != chain.arrays["tokens"].tolist()


@pytest.mark.parametrize("text", ["CC#N", "<b>A</b>", "&amp;", "WWW.EXAMPLE.ORG", "12345678"])
def test_verbatim_text_keeps_case_markup_and_signs(text: str) -> None:
    assert verbatim(text) == (text, False)


def test_verbatim_text_has_one_form_of_a_letter_and_one_space() -> None:
    assert verbatim(" e\u0301 \n\t a\u200bb ")[0] == "é ab"


def test_a_long_verbatim_text_is_cut_and_says_so() -> None:
    assert verbatim("ab " * MAX_CHARS)[1] and len(verbatim("a" * 3 * MAX_CHARS)[0]) == MAX_CHARS
    assert verbatim("\ud800a")[0] == "a"
    assert unicodedata.is_normalized("NFC", verbatim("\ufb2c" * MAX_CHARS)[0])


@pytest.mark.parametrize(
    ("text", "weights", "words"),
    [
        ("Good day", [1, 1, 0, 0, 0, 1, 0, 1], [("Good", 1.0, 0, 4), ("day", 1.0, 5, 8)]),
        ("Good day", [2, 2, 0, 0, 0, 0, 0, 1], [("Good", 1.0, 0, 4), ("day", 0.25, 5, 8)]),
        ("酒店 ok", [1, 2, 9, 0, 2], [("酒", 0.5, 0, 1), ("店", 1.0, 1, 2), ("ok", 1.0, 3, 5)]),
        ("a酒b", [1, 1, 1], [("a", 1.0, 0, 1), ("酒", 1.0, 1, 2), ("b", 1.0, 2, 3)]),
    ],
)
def test_an_explanation_of_characters_is_one_of_words(
    text: str, weights: list[float], words: list[tuple[str, float, int, int]]
) -> None:
    manifest = fakes.text_bundle().manifest.model_copy(update={"encoder": VERBATIM})
    encoded = encoder_of(text).encode(Payload(text.encode(), "text/plain", "utf-8"))
    saliency = np.asarray([*weights, 0, 0], dtype=np.float32)  # padding of the batch
    found = explain_text(manifest, encoded, {"saliency": saliency})
    assert found is not None
    assert [(w.text, w.weight, w.start, w.end) for w in found] == words

from encodings import _cache as remembered  # what codecs.lookup never forgets

import numpy as np
import pytest

from app.errors import InvalidBundle, InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.charset import decode_text
from app.modalities.text.spec import TextSpec
from tests import fakes

FILES = {"tokenizer.json": fakes.tokenizer()}
SPEC = TextSpec(max_tokens=8, tail_tokens=3)


def encoded(data: bytes, charset: str | None = None, spec: TextSpec = SPEC) -> Encoded:
    return encoder_for(spec, FILES).encode(Payload(data, "text/plain", charset))


def refused(data: bytes, message: str, charset: str | None = None) -> None:
    with pytest.raises(InvalidInput, match=message):
        encoded(data, charset)


def test_words_become_token_ids() -> None:
    made = encoded(b"the day is good").arrays
    assert made["tokens"].tolist() == [7, 8, 9, 1]
    assert made["length"].tolist() == 4
    assert made["tokens"].dtype == made["length"].dtype == np.int64


@pytest.mark.parametrize("charset", [None, "utf-8", "latin-1"])
@pytest.mark.parametrize("text", ["hi", "Lunch on Thursday? 12:30", "grüße: 1, 2, 3\n" * 3000])
@pytest.mark.parametrize("coding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_utf_16_and_32_without_a_mark_are_refused_by_name(
    coding: str, text: str, charset: str | None
) -> None:
    name = coding[:6].upper()
    refused(text.encode(coding), f"looks like {name} without .*; send UTF-8, or declare", charset)
    assert np.array_equal(
        encoded(text.encode(coding), coding).arrays["tokens"],
        encoded(text.encode()).arrays["tokens"],
    )


@pytest.mark.parametrize("data", [b"abc\0def\0\0", b"a\0", b"lunch\0on\0thursday", b"\0lunch"])
def test_a_zero_alone_is_no_utf_16(data: bytes) -> None:
    assert encoded(data).arrays["length"] > 0


@pytest.mark.parametrize(
    "data",
    [
        "grüße 日本 🎉".encode(),
        "grüße 日本 🎉".encode("utf-8-sig"),
        "grüße 日本 🎉".encode("utf-16"),
        b"\xff\xfe" + "grüße 日本 🎉".encode("utf-16-le"),
        b"\xfe\xff" + "grüße 日本 🎉".encode("utf-16-be"),
        "grüße 日本 🎉".encode("utf-32"),
        b"\x00\x00\xfe\xff" + "grüße 日本 🎉".encode("utf-32-be"),
    ],
)
@pytest.mark.parametrize("charset", [None, "utf-8", "latin-1"])
def test_byte_order_mark_selects_the_charset(data: bytes, charset: str | None) -> None:
    if charset == "latin-1" and data == "grüße 日本 🎉".encode():
        pytest.skip("has no mark")
    assert decode_text(Payload(data, "text/plain", charset)) == "grüße 日本 🎉"


@pytest.mark.parametrize(
    ("charset", "text"),
    [
        ("UTF-8", "grüße"),
        ("utf8", "grüße"),
        ("us-ascii", "plain"),
        ("latin-1", "grüße"),
        ("ISO-8859-1", "grüße"),
        ("iso-8859-15", "grüße €"),
        ("windows-1252", "grüße €"),
        ("koi8-r", "привет"),
        ("Big5", "日本"),
        ("Shift_JIS", "日本"),
        ("EUC-JP", "日本"),
        ("GB18030", "日本"),
        ("macintosh", "grüße"),
        ("UTF-16LE", "grüße"),
    ],
)
def test_a_declared_charset_is_used(charset: str, text: str) -> None:
    assert decode_text(Payload(text.encode(charset), "text/plain", charset)) == text


NO_CHARSETS = "klingon punycode idna rot13 base64 zip hex utf-7 unicode_escape mbcs undefined"


@pytest.mark.parametrize(
    "charset", [*NO_CHARSETS.split(), " ", "a\0b", "é", "x" * 100_000, "../../etc"]
)
def test_unknown_charset_is_refused_and_not_cached(charset: str) -> None:
    before = set(remembered)
    refused(b"good", "charset is not known", charset)
    assert set(remembered) == before


def test_undecodable_byte_is_refused_with_its_position() -> None:
    refused(b"good \xc0\xaf", "byte 5 does not decode")
    refused(b"\xed\xa0\x80", "expected utf-8 text, but byte 0")
    refused(b"\xff\xfeg", "expected utf-16 text, but byte 2")
    refused(b"gr\xfc\xdfe", "expected ascii text, but byte 2", "US-ASCII")


@pytest.mark.parametrize("data", [b"", b" \t\r\n ", "\u3000\u00a0".encode(), b"\xef\xbb\xbf"])
def test_blank_text_is_refused(data: bytes) -> None:
    refused(data, "expected some text, got none")


def test_nul_byte_does_not_end_a_text() -> None:
    assert encoded(b"good \0 bad").arrays["tokens"].tolist()[-1] == 4


def test_long_text_keeps_head_and_tail_and_reports_truncation() -> None:
    made = encoded(b" ".join(word.encode() for word in fakes.WORDS))
    assert made.arrays["tokens"].tolist() == [1, 2, 3, 4, 5, 8, 9, 10]
    assert made.arrays["length"] == 8
    assert made.truncated == "the text has 10 tokens; the first 5 and the last 3 were read"


def test_long_text_without_a_tail_keeps_its_head() -> None:
    spec = TextSpec(max_tokens=4)
    made = encoded(b"good fine happy bad awful", spec=spec)
    assert made.arrays["tokens"].tolist() == [1, 2, 3, 4]
    assert made.truncated == "the text has 5 tokens; the first 4 were read"


def test_a_text_that_fits_is_not_cut() -> None:
    assert encoded(b"good " * 8).truncated is None


@pytest.mark.parametrize(
    "text", ["👩‍👩‍👧‍👦 🇩🇪 👍🏽", "مرحبا \u202e שלום", "z̷̢̛a̶l̵g̶o" * 200, "\ufffe\uffff"]
)
def test_any_script_is_read(text: str) -> None:
    assert encoded(text.encode()).arrays["length"] > 0


@pytest.mark.parametrize("files", [{}, {"tokenizer.json": b"{}"}, {"tokenizer.json": b"\xff"}])
def test_a_bundle_without_tokenizer_is_refused(files: dict[str, bytes]) -> None:
    with pytest.raises(InvalidBundle, match="not a tokenizer"):
        encoder_for(SPEC, files)


def test_accepts_texts_only() -> None:
    encoder = encoder_for(SPEC, FILES)
    assert encoder.accepts("text/html")
    assert not encoder.accepts("application/json")
